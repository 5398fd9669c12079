// The segments shown as a table to sort, a hundred rows at a time.

const PAGE = 100;
const COLUMNS = [
  {name: 'Class', value: (a) => data.classes[a.label].name},
  {name: 'Start', value: (a) => a.start, digits: 2},
  {name: 'End', value: (a) => a.end, digits: 2},
  {name: 'Length', value: (a) => a.end - a.start, digits: 2},
  {name: 'Score', value: (a) => a.score ?? Infinity, digits: 3},
  {name: 'tIoU', value: (a) => a.tiou ?? Infinity, digits: 2,
   help: 'overlap with the best ground truth of the class'},
];
const collator = new Intl.Collator(undefined, {numeric: true});
const count = (number) => number.toLocaleString('en');
const order = {column: COLUMNS[1], sign: 1};
let length = PAGE;
let cells = new Map();  // action -> its row, of the open video

function compare(a, b) {
  const [x, y] = [a, b].map(order.column.value);
  const sign = typeof x === 'string' ? collator.compare(x, y) :
    x === y ? 0 : x - y;
  return order.sign * sign || a.start - b.start ||
    (b.score ?? 2) - (a.score ?? 2);
}

function cellOf(action, {name, value, digits}) {
  if (name === 'Class') {
    return make('td', {}, swatch(action.label), className(action.label));
  }
  if (name === 'Score' && action.score === null) {
    return make('td', {textContent: 'truth'});
  }
  const number = value(action);
  const text = number === Infinity ? '' : number.toFixed(digits);
  if (name !== 'Start') return make('td', {textContent: text});
  const button = make('button', {type: 'button', textContent: text});
  button.setAttribute('aria-label', `Go to ${text} seconds`);
  return make('td', {}, button);
}

function rowOf(action) {
  if (!cells.has(action)) {
    const row = make('tr', {}, ...columns().map((c) => cellOf(action, c)));
    row.classList.toggle('truth', action.score === null);
    row.addEventListener('click', () => select(action));
    cells.set(action, row);
  }
  return cells.get(action);
}

const columns = () => state.video.truth ? COLUMNS : COLUMNS.slice(0, -1);

function fillHead() {
  byId('columns').replaceChildren(...columns().map((column) => {
    const button = make('button', {type: 'button', textContent: column.name,
                                   title: column.help || ''});
    button.addEventListener('click', () => {
      const again = order.column === column;
      // the highest score is the first that one wants to see
      order.sign = again ? -order.sign : ['Score', 'tIoU'].includes(
        column.name) ? -1 : 1;
      order.column = column;
      sortHead();
      tell('filter');
    });
    return make('th', {scope: 'col'}, button);
  }));
  sortHead();
}

function sortHead() {
  columns().forEach((column, i) => {
    const head = byId('columns').children[i];
    if (column === order.column) {
      head.setAttribute('aria-sort',
                        order.sign > 0 ? 'ascending' : 'descending');
    } else {
      head.removeAttribute('aria-sort');
    }
  });
}

function fillTable() {
  const shown = shownActions().sort(compare);
  const focused = document.activeElement;
  byId('segments').replaceChildren(...shown.slice(0, length).map(rowOf));
  if (focused.isConnected && focused !== document.activeElement) {
    focused.focus({preventScroll: true});
  }
  const found = shown.filter((each) => each.score !== null).length;
  const all = state.video.found.starts.length;
  byId('count').textContent = 
    `${count(found)} of ${count(all)} detections`;
  byId('caption').textContent = shown.length > length ?
    `The first ${length} of ${count(shown.length)} segments, in seconds` :
    `${shown.length} segments, in seconds`;
  const left = Math.min(shown.length - length, PAGE);
  byId('more').hidden = left <= 0;
  byId('more').textContent = `Show ${left} more`;
  const best = Math.max(...state.actions.map((each) => each.score ?? -1));
  byId('nothing').textContent = shown.length ? '' : all ?
    'No segment to show: choose a lower score or more classes. The best ' +
    `detection of this video has ${best.toFixed(2)}.` :
    'This video has no detections.';
  markTime();
}

function markTime() {
  for (const [action, row] of cells) {
    if (row.isConnected) {
      row.classList.toggle('now', isAt(action, state.time));
    }
  }
}

function markSelected() {
  for (const [action, row] of cells) {
    if (action === state.selected) row.setAttribute('aria-current', 'true');
    else row.removeAttribute('aria-current');
  }
  const row = cells.get(state.selected);
  const frame = byId('scroller');
  if (!row || !row.isConnected || frame.scrollHeight <= frame.clientHeight) {
    return;
  }
  const top = row.offsetTop - 40;  // below the head
  const bottom = row.offsetTop + row.offsetHeight;
  if (top < frame.scrollTop) frame.scrollTop = top;
  if (bottom > frame.scrollTop + frame.clientHeight) {
    frame.scrollTop = bottom - frame.clientHeight;
  }
}

on('video', () => {
  cells = new Map();
  length = PAGE;
  byId('scroller').scrollTop = 0;
  fillHead();
});
on('filter', fillTable);
on('time', markTime);
on('select', markSelected);
byId('more').addEventListener('click', () => {
  length += PAGE;
  tell('filter');
});
