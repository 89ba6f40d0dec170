// Search and sort of the label table, download of the disagreements, and the cost for the entered assumptions.

const labels = document.getElementById("label-table");
const collator = new Intl.Collator("en", { numeric: true });

function cell(row, column) {
  const { dataset, textContent } = row.cells[column];
  return dataset.value ?? textContent.trim();
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
  let matches = 0;
  for (const row of labels.tBodies[0].rows) {
    row.hidden = !row.textContent.toLowerCase().includes(words.trim().toLowerCase());
    matches += row.hidden ? 0 : 1;
  }
  document.getElementById("label-count").value = matches.toLocaleString("en") + (matches === 1 ? " label" : " labels");
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
  return (amount < 0 ? "−" : "") + figures.currency + shown;
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

function save(name, text) {
  // A spreadsheet takes the mark at the beginning as a sign for UTF-8.
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

const disagreements = document.getElementById("disagreements");
if (disagreements !== null) {
  document.getElementById("disagreements-save").addEventListener("click",
    () => save("disagreements.csv", JSON.parse(disagreements.textContent)));
}

if (figures.cost !== null) {
  const form = document.getElementById("cost-form");
  form.addEventListener("input", bill);
  form.addEventListener("change", bill);
  form.addEventListener("submit", (event) => event.preventDefault());
}
