// A click on a question mark shows what a column means; it does not sort.
document.addEventListener(
  "click",
  (event) => {
    if (event.target.closest(".why, [popover]")) event.stopPropagation();
  },
  true,
);
