// Filters of a page: a row stays if it agrees with every choice that it has a column for.
(() => {
  const form = document.getElementById("filters");
  const told = document.getElementById("told");
  const tables = [...document.querySelectorAll("table.filtered")];
  const column = (table, name) =>
    [...table.tHead.rows[0].cells].findIndex((head) => head.dataset.axis === name);

  function apply() {
    const wanted = [...form.querySelectorAll("select")].filter((choice) => choice.value);
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    let all = 0;
    for (const table of tables) {
      const at = wanted.map((choice) => [column(table, choice.name), choice.value]);
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden =
          at.some(([n, value]) => n >= 0 && row.cells[n].textContent.trim() !== value) ||
          words.some((word) => !text.includes(word));
        shown += !row.hidden;
        all += 1;
      }
    }
    told.textContent = `${shown} of ${all} rows`;
  }

  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
