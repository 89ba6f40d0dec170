// The label table's search and sort, and the cost that follows its assumptions.

const labels = document.getElementById("label-table");
const collator = new Intl.Collator("en", { numeric: true });

function cell(row, column) {
  const found = row.cells[column];
  return found.dataset.value ?? found.textContent.trim();
}

function sort(heading) {
  const column = heading.cellIndex;
  const numeric = labels.tBodies[0].rows[0].cells[column].dataset.value !== undefined;
  const first = numeric ? "descending" : "ascending";
  const other = numeric ? "ascending" : "descending";
  const order = heading.getAttribute("aria-sort") === first ? other : first;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...labels.tBodies[0].rows];
  rows.sort((one, two) => sign * (numeric
    ? Number(cell(one, column)) - Number(cell(two, column))
    : collator.compare(cell(one, column), cell(two, column))));
  for (const each of labels.tHead.rows[0].cells) each.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order);
  labels.tBodies[0].append(...rows);
}

function search(words) {
  let left = 0;
  for (const row of labels.tBodies[0].rows) {
    row.hidden = !row.textContent.toLowerCase().includes(words.trim().toLowerCase());
    left += row.hidden ? 0 : 1;
  }
  document.getElementById("label-count").value = left.toLocaleString("en") + (left === 1 ? " label" : " labels");
}

if (labels !== null) {
  for (const heading of labels.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => sort(heading));
  }
  const box = document.getElementById("label-search");
  box.addEventListener("input", () => search(box.value));
}

function money(amount, digits) {
  const shown = Math.abs(amount).toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (amount < 0 ? "−$" : "$") + shown;
}

function bill() {
  const entered = (name) => Math.max(0, Number(document.getElementById("cost-" + name).value) || 0);
  const say = (name, text) => { document.getElementById("cost-" + name).textContent = text; };
  const requests = entered("requests");
  const price = entered("price");
  const answered = entered("target") * requests;
  const audits = answered * Math.min(1, entered("audit") / 100);
  const saved = (answered - audits) * price;
  say("year", money(saved * 365, 0) + " a year");
  say("day", money(saved, 2));
  say("before", money(requests * price, 2));
  say("answered", Math.round(answered).toLocaleString("en"));
  say("audits", Math.round(audits).toLocaleString("en"));
}

if (told.cost !== null) {
  const form = document.getElementById("cost-form");
  form.addEventListener("input", bill);
  form.addEventListener("change", bill);
  form.addEventListener("submit", (event) => event.preventDefault());
}
