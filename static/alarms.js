// Which alarms stand on the board, and their sound; makes no alarm of its own. What is not live has none: nobody
// knows whether it still stands.
(function () {
  "use strict";

  const root = document.documentElement;
  const CHECK_EVERY = 1000; // milliseconds, as all of these
  const BEEP_AGAIN = 8000;
  const FORGET_AFTER = 10 * 60 * 1000;
  const REMEMBER_AGAIN = 60 * 1000;
  const TONES = [880, 660, 880]; // hertz
  const TONE_SECONDS = 0.18;
  const LOUDNESS = 0.35;
  const HERO = '#board-hero [data-alarm="alarm"]';
  const PLACES = '[data-queue][data-alarm="alarm"], [data-ring-group][data-alarm="alarm"]';

  const Context = window.AudioContext || window.webkitAudioContext;
  const key = "wallboard.alarms." + root.dataset.slug;
  let context = null;
  let prompt = null;
  let standing = remembered();
  let rememberedAt = 0;
  let beepAt = 0;

  // Low numbers of the whole day stay low until it ends: they sound once, but keep no light on and repeat nothing.
  function isOfNow(element) {
    return element.dataset.figure !== "level" && element.dataset.figure !== "missed";
  }

  // The elements in alarm; null while nobody knows.
  function alarms() {
    if (root.dataset.link !== "live") return null;
    return Array.prototype.slice.call(document.querySelectorAll(HERO + ", " + PLACES));
  }

  function nameOf(element) {
    const data = element.dataset;
    if (data.figure !== undefined) return "hero " + data.figure;
    return data.queue === undefined ? "ring group " + data.ringGroup : "queue " + data.queue;
  }

  function alarmNow() {
    return (alarms() || []).some(isOfNow);
  }

  // So that a board whose turn it is again does not sound for what it has sounded for.
  function remembered() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(key));
      return kept && Date.now() - kept.at < FORGET_AFTER ? kept.names : [];
    } catch (error) {
      return [];
    }
  }

  function remember(names) {
    if (names.join() === standing.join() && Date.now() - rememberedAt < REMEMBER_AGAIN) return;
    standing = names;
    rememberedAt = Date.now();
    try {
      sessionStorage.setItem(key, JSON.stringify({ at: Date.now(), names: names }));
    } catch (error) {}
  }

  function state() {
    const sound = root.getAttribute("data-sound");
    if (!sound || sound === "off" || wallboard.identity.isPreview) return "off";
    if (!Context) return "absent";
    return context && context.state === "running" ? "ready" : "blocked";
  }

  function check() {
    if (state() === "off") return ask(false);
    if (Context && !context) context = new Context();
    ask(state() === "blocked");
    const found = alarms();
    if (found === null) return;
    const names = found.map(nameOf);
    const isNew = names.some(function (name) {
      return standing.indexOf(name) < 0;
    });
    remember(names);
    const lasts = root.dataset.sound === "while" && found.some(isOfNow) && performance.now() >= beepAt;
    if ((isNew || lasts) && state() === "ready") beep();
  }

  function beep() {
    beepAt = performance.now() + BEEP_AGAIN;
    TONES.forEach(function (hertz, index) {
      const from = context.currentTime + 0.05 + index * TONE_SECONDS * 1.4;
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.frequency.value = hertz;
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(LOUDNESS, from + 0.01);
      volume.gain.setValueAtTime(LOUDNESS, from + TONE_SECONDS - 0.03);
      volume.gain.linearRampToValueAtTime(0, from + TONE_SECONDS);
      tone.connect(volume);
      volume.connect(context.destination);
      tone.start(from);
      tone.stop(from + TONE_SECONDS);
    });
  }

  // Browsers keep a page silent until somebody has touched it, unless they are started otherwise.
  function ask(wanted) {
    if (!wanted && !prompt) return;
    if (!prompt) prompt = wallboard.sign("tv-sound", "M4 9v6h4l5 4.5v-15L8 9zM17 9l5 6M22 9l-5 6", "Press any key to allow sound");
    prompt.hidden = !wanted;
  }

  function allow() {
    if (!context || context.state === "running") return;
    context.resume().then(function () {
      ask(false);
      beep(); // so that whoever pressed the key hears that it works
    });
  }

  wallboard.alarmNow = alarmNow;
  wallboard.soundState = state;
  ["keydown", "pointerdown", "touchend", "click"].forEach(function (name) {
    document.addEventListener(name, allow, true);
  });
  document.addEventListener("wallboard:swapped", check);
  setInterval(check, CHECK_EVERY);
})();
