// Tabs, filters and order of a page, kept in its address: a row stays if it agrees with every choice
// that its table has a column for.
(() => {
  const form = document.getElementById("filters");
  const told = document.getElementById("told");
  const tables = [...document.querySelectorAll("table.filtered")];
  const points = [...document.querySelectorAll("[data-row]")];
  const heads = (table) => [...table.tHead.rows[0].cells];
  const column = (table, name) => heads(table).findIndex((head) => head.dataset.axis === name);
  const plain = (text) => text.replace(/ †$/, "").trim();

  function choices() {
    const found = new Map();
    for (const field of form.elements) {
      if (!field.name || field.name === "words" || !field.value) continue;
      if (field.type !== "radio" || field.checked) found.set(field.name, field.value);
    }
    return found;
  }

  function apply() {
    const wanted = [...choices()];
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    let all = 0;
    for (const table of tables) {
      const at = wanted.map(([name, value]) => [column(table, name), value]);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden =
          at.some(([n, value]) => n >= 0 && plain(row.cells[n].textContent) !== value) ||
          words.some((word) => !text.includes(word));
        shown += !row.hidden;
        all += 1;
      }
    }
    for (const point of points) {
      const row = document.getElementById(point.dataset.row);
      point.toggleAttribute("hidden", row.hidden);
    }
    told.textContent = `${shown} of ${all} rows`;
  }

  function remember() {
    const kept = new URLSearchParams([...choices()]);
    if (form.elements.words.value) kept.set("words", form.elements.words.value);
    for (const table of tables) {
      const n = heads(table).findIndex((head) => head.hasAttribute("aria-sort"));
      if (n >= 0) kept.append("sort", `${table.id} ${n} ${heads(table)[n].getAttribute("aria-sort")}`);
    }
    const said = kept.toString();
    if (said || location.hash.includes("=")) history.replaceState(null, "", `#${said}`);
  }

  function recall() {
    if (!location.hash.includes("=")) return;
    const kept = new URLSearchParams(location.hash.slice(1));
    for (const field of form.elements) {
      if (!field.name) continue;
      const value = kept.get(field.name) ?? "";
      if (field.type === "radio") field.checked = field.value === value;
      else field.value = value;
      if (field.value !== value && field.tagName === "SELECT") field.value = "";
    }
    for (const group of new Set([...form.querySelectorAll("[type=radio]")].map((r) => r.name)))
      if (!form.querySelector(`[type=radio][name="${CSS.escape(group)}"]:checked`))
        form.querySelector(`[type=radio][name="${CSS.escape(group)}"][value=""]`).checked = true;
    for (const said of kept.getAll("sort")) {
      const [id, n, way] = said.split(" ");
      const table = tables.find((one) => one.id === id);
      const button = table?.tHead.rows[0].cells[+n]?.querySelector(".sort");
      if (!button) continue;
      button.click();
      if (button.closest("th").getAttribute("aria-sort") !== way) button.click();
    }
  }

  function lead(event) {
    const link = event.target.closest("a[data-row]");
    if (!link) return;
    event.preventDefault();
    const row = document.getElementById(link.dataset.row);
    for (const other of document.querySelectorAll("tr.chosen")) other.classList.remove("chosen");
    row.classList.add("chosen");
    row.scrollIntoView({ block: "center", inline: "nearest" });
    row.focus({ preventScroll: true });
  }

  form.addEventListener("input", () => (apply(), remember()));
  form.addEventListener("reset", () => setTimeout(() => (apply(), remember())));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("sort-end", remember);
  document.addEventListener("click", lead);
  addEventListener("hashchange", () => location.hash.includes("=") && (recall(), apply()));
  recall();
  apply();
})();
