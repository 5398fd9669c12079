// Bars of one class: ground truth thin and above, detections below it. Those
// that overlap lie in lanes below each other, the best ones uppermost.

const GAP = 4;
const TRUTH = {height: 6, most: 3};   // of a bar; lanes
const FOUND = {height: 20, most: 4};
const LEAST = 3;  // pixels, so that short actions stay visible

// Give each action, in order, the first lane where it fits. One that fits
// nowhere lies below those of the last lane.
function place(actions, {height, most}, top) {
  const taken = [];  // columns of pixels, by lane
  const bars = actions.map((action) => {
    const x = toX(action.start);
    const width = Math.max(toX(action.end) - x, LEAST);
    const [from, to] = [Math.max(x, 0), Math.max(x + width, 0)];
    let lane = taken.findIndex((each) => !each.subarray(from, to).includes(1));
    if (lane < 0 && taken.length < most) {
      lane = taken.push(new Uint8Array(Math.ceil(trackWidth))) - 1;
    }
    const isBelow = lane < 0;
    if (isBelow) lane = most - 1; else taken[lane].fill(1, from, to);
    return {action, x, y: top + lane * (height + 1), width, height, isBelow};
  });
  // those below come first, and so are painted over
  bars.sort((a, b) => b.isBelow - a.isBelow);
  return {bars, bottom: top + Math.max(taken.length, 1) * (height + 1)};
}

function layOut(actions) {
  const seen = actions.filter(
    (each) => each.end >= view.start && each.start <= view.end);
  const truth = seen.filter((each) => each.score === null);
  const found = seen.filter((each) => each.score !== null);
  const above = state.video.truth ? place(truth, TRUTH, GAP) :
    {bars: [], bottom: 0};
  const below = place(found, FOUND, above.bottom + GAP);
  return {bars: [...above.bars, ...below.bars], top: above.bottom + GAP / 2,
          height: below.bottom + GAP};
}

function drawRow(row) {
  const {bars, top, height} = layOut(row.actions);
  const context = clear(row.canvas, trackWidth, height);
  row.bars = bars;
  context.fillStyle = track;
  context.fillRect(0, top, trackWidth, height - top - 1);
  for (const {action, x, y, width, height: high} of bars) {
    paintBar(context, x, y, width, high, action.label, action.score ?? 1);
  }
  writeScores(context, bars);
  const chosen = bars.find((each) => each.action === state.selected);
  if (chosen) {
    context.strokeStyle = accent;
    context.lineWidth = 2.5;
    context.strokeRect(chosen.x - 1, chosen.y - 1, chosen.width + 2,
                       chosen.height + 2);
  }
}

// Scores stand where they fit.
function writeScores(context, bars) {
  const room = context.measureText('0.00').width / 2 + 4;
  for (const {action: {label, score}, x, y, width, height, isBelow} of bars) {
    const middle = x + width / 2;
    if (score === null || isBelow || width < 2 * room) continue;
    const face = fade(data.classes[label].color, score);
    if (data.classes[label].hatch) {  // which would make it hard to read
      context.fillStyle = `rgb(${face})`;
      context.fillRect(middle - room + 2, y + 3, 2 * room - 4, height - 6);
    }
    context.fillStyle = inkOn(face);
    context.fillText(score.toFixed(2), middle, y + height / 2 + 0.5);
  }
}

// The uppermost bar below the mouse; it may miss a small one a little.
function findBar({offsetX: x, offsetY: y}, bars) {
  return [...bars].reverse().find((bar) => {
    const room = Math.max(8 - bar.width, 0) / 2;
    return x >= bar.x - room && x <= bar.x + bar.width + room &&
      y >= bar.y - 1 && y <= bar.y + bar.height + 1;
  });
}
