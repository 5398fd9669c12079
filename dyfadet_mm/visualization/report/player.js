// The video, or where there is none, a time that only the user moves.

const player = byId('player');
let playable = false;

function seek(time) {
  state.time = Math.min(Math.max(time, 0), state.duration);
  if (playable) player.currentTime = state.time;
  tell('time');
}

function select(action) {
  state.selected = action;
  tell('select');
  seek(action.start);
}

// The next start among the segments shown, or the one before.
function step(direction) {
  const starts = shownActions().filter(
    (each) => (each.start - state.time) * direction > 0.001);
  if (!starts.length) return;
  select(starts.reduce((best, each) =>
    (each.start - best.start) * direction < 0 ? each : best));
}

function togglePlay() {
  if (!playable) return;
  if (player.paused) player.play().catch(showFailure); else player.pause();
}

function showNote(text, link = null) {
  const note = byId('player-note');
  note.replaceChildren(text);
  if (link) {
    note.append(' ', make('a', {href: link.source, textContent: link.name}));
  }
}

function showFailure() {
  if (!player.error) return;  // such as a play that a pause has ended
  playable = false;
  player.hidden = true;
  const link = state.video.file;
  showNote('This browser cannot play the video, or the file is not there. ' +
           'The timeline and the table work without it.',
           link.source.startsWith('data:') ? null : link);
}

function checkLength() {
  const {duration} = player;
  if (!state.video.duration && Number.isFinite(duration)) {
    state.duration = Math.max(duration, state.video.last_end);
    showLength();
    show(0, Infinity);
  } else if (Math.abs(duration - state.duration) >
             Math.max(1, 0.02 * state.duration)) {
    showNote(`The video lasts ${clockText(duration)}, but the segments are ` +
             `of one that lasts ${clockText(state.duration)}: are they of ` +
             'this file?');
  }
}

function showLength() {
  byId('length').textContent = clockText(state.duration);
}

on('video', () => {
  const {file, name} = state.video;
  byId('video-name').textContent = shorten(name, 1000);
  showLength();
  playable = Boolean(file);
  player.hidden = !file;
  if (file) player.src = file.source; else player.removeAttribute('src');
  player.load();
  showNote(file ? '' : 'No video file. The timeline and the table work ' +
    'without it.');
});

// timeupdate comes four times a second, too rarely for the playhead
function follow() {
  if (playable && Math.abs(player.currentTime - state.time) > 0.001) {
    state.time = player.currentTime;
    tell('time');
  }
  if (!player.paused && !player.ended) requestAnimationFrame(follow);
}

player.addEventListener('error', showFailure);
player.addEventListener('loadedmetadata', checkLength);
for (const event of ['play', 'timeupdate', 'seeked']) {
  player.addEventListener(event, follow);
}

const MOST_CHIPS = 6;
let chips = [];

on('time', () => {
  byId('time').textContent = clockText(state.time);
  const current = shownActions().filter((each) => isAt(each, state.time))
    .sort((a, b) => (b.score ?? 2) - (a.score ?? 2));
  if (current.length === chips.length &&
      current.every((each, i) => each === chips[i])) return;
  chips = current;
  byId('now').replaceChildren(...current.slice(0, MOST_CHIPS).map((each) =>
    make('li', {}, swatch(each.label), className(each.label),
         make('small', {textContent: scoreText(each)}))));
});
on('filter', () => { chips = []; tell('time'); });

const scoreText = (action) =>
  action.score === null ? 'ground truth' : action.score.toFixed(2);
