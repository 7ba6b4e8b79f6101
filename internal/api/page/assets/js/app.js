// Keeps an open page up to date. The engine says when something has changed; then the page is asked for again, and what
// differs is put in place, so that scroll, focus, selection, what is open and what was typed stay. Clocks tick here.
"use strict";

document.documentElement.classList.add("js");

const perdure = {}; // what the scripts of single pages use

// --- time

const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

// words writes a duration in milliseconds with two units at most.
function words(ms) {
	let s = Math.max(0, Math.floor(ms / 1000));
	const out = [];
	for (const [unit, size] of units) {
		if (s >= size && out.length < 2) {
			out.push(Math.floor(s / size) + " " + unit);
			s %= size;
		}
	}
	return out.join(" ") || "0 s";
}

function tick() {
	const now = Date.now();
	const put = (e, text) => {
		if (e.textContent !== text) {
			e.textContent = text;
		}
	};
	for (const e of document.querySelectorAll("[data-since]")) {
		put(e, words(now - Number(e.dataset.since)));
	}
	for (const e of document.querySelectorAll("[data-until]")) {
		const left = Number(e.dataset.until) - now;
		put(e, left > 0 ? "in " + words(left + 999) : "now");
	}
}

// --- putting a newer page in place

const touched = new WeakSet(); // details that somebody opened or closed

const isTyped = e => e.matches("textarea, input") && e.type !== "checkbox" && e.type !== "radio" && e.type !== "hidden"
		? e.value !== e.defaultValue
	: e.matches("input[type=checkbox], input[type=radio]") ? e.checked !== e.defaultChecked
	: e.matches("select") && [...e.options].some(o => o.selected !== o.defaultSelected);

// isHeld reports whether somebody is in a field. A link or a button that has the focus is brought up to date.
const isHeld = e => e === document.activeElement && e.matches("input, textarea, select");

const lengthOf = node => node.nodeType === Node.TEXT_NODE ? node.length : node.childNodes.length;

// morph turns an element into what a newer page has in its place. What was selected stays so where rows move: the browser
// forgets it.
function morph(old, fresh) {
	const chosen = getSelection();
	const {anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed} = chosen;
	Idiomorph.morph(old, fresh, {
		callbacks: {
			beforeNodeMorphed: e => !(e instanceof Element) || e === old || !isHeld(e) && !isTyped(e) && !("keep" in e.dataset),
			beforeAttributeUpdated: (name, e) => !(name === "open" && touched.has(e)),
		},
	});
	if (!isCollapsed && chosen.isCollapsed && anchorNode.isConnected && focusNode.isConnected) {
		chosen.setBaseAndExtent(anchorNode, Math.min(anchorOffset, lengthOf(anchorNode)), focusNode, Math.min(focusOffset, lengthOf(focusNode)));
	}
	tick();
	document.dispatchEvent(new Event("perdure:morphed"));
}

// put shows a page that was asked for.
function put(text) {
	const fresh = new DOMParser().parseFromString(text, "text/html");
	const main = fresh.querySelector("main");
	document.title = fresh.title;
	morph(document.querySelector("main"), main);
}

// --- hearing of changes

const away = document.getElementById("away");
const connection = document.getElementById("connection");
let tag = "", source, again, asking = false, stale = false, answered = Date.now(), beat = 0;

function say(state, text) {
	connection.dataset.state = state;
	connection.textContent = text;
}

function isAway(yes) {
	if (away.hidden === !yes) {
		return;
	}
	away.hidden = !yes;
	document.documentElement.classList.toggle("is-away", yes);
	away.querySelector("[data-since]").dataset.since = answered;
	tick();
}

// ask asks for the page, shows it if it has changed, and reports whether the engine answered.
async function ask(address = location.href) {
	if (asking) {
		stale = true;
		return true;
	}
	asking = true;
	try {
		const same = address === location.href;
		const reply = await fetch(address, {headers: same && tag ? {"If-None-Match": tag} : {}, cache: "no-store"});
		if (reply.redirected && new URL(reply.url).pathname === "/ui/login") {
			location.reload(); // the session has ended
			return true;
		}
		if (reply.status !== 304) {
			const text = await reply.text();
			if (reply.status >= 502) {
				throw new Error("a proxy answers in its place");
			}
			tag = reply.headers.get("ETag") || "";
			put(text);
		}
		answered = Date.now();
		isAway(false);
		return true;
	} catch {
		isAway(true);
		say("away", "away");
		return false;
	} finally {
		asking = false;
		if (stale) {
			stale = false;
			setTimeout(ask, 100);
		}
	}
}
perdure.ask = ask;

function listen() {
	clearTimeout(again);
	source?.close();
	const live = document.querySelector("main").dataset.live;
	if (!live || document.hidden) {
		return;
	}
	source = new EventSource("/ui/live?" + live);
	source.onopen = () => {
		beat = Date.now();
		say("live", "live");
	};
	source.addEventListener("beat", () => beat = Date.now());
	source.addEventListener("changed", async () => {
		beat = Date.now();
		await ask();
	});
	source.onerror = () => lost(1000);
}

// lost asks for the page itself until there is a stream again.
async function lost(pause) {
	source?.close();
	clearTimeout(again);
	if (await ask()) {
		say("slow", "every 5 s");
		pause = 5000;
	}
	again = setTimeout(listen, pause);
}

document.addEventListener("visibilitychange", listen);
// A page whose axis ends now moves on by itself.
let asked = Date.now();
setInterval(() => {
	const every = Number(document.querySelector("main").dataset.refresh);
	if (every && !document.hidden && Date.now() - asked >= every) {
		asked = Date.now();
		ask();
	}
}, 500);
setInterval(() => {
	if (source?.readyState === EventSource.OPEN && Date.now() - beat > 16000) {
		lost(1000); // the network is gone, or the engine stands still
	}
}, 2000);

// --- links and forms that stay on the page

// go shows another state of this page without loading it.
async function go(address, keep) {
	history[keep ? "replaceState" : "pushState"](null, "", address);
	tag = "";
	const live = document.querySelector("main").dataset.live;
	await ask();
	if (document.querySelector("main").dataset.live !== live) {
		listen();
	}
}
perdure.go = go;

window.addEventListener("popstate", () => {
	tag = "";
	ask();
});

let telling;

function tell(text, bad) {
	const told = document.getElementById("told");
	told.textContent = text;
	told.classList.toggle("bad", Boolean(bad));
	clearTimeout(telling);
	telling = setTimeout(() => told.textContent = "", bad ? 12000 : 4000);
}
perdure.tell = tell;

document.addEventListener("click", e => {
	const details = e.target.closest("summary")?.parentElement;
	if (details) {
		touched.add(details);
	}
	const copy = e.target.closest("[data-copy], [data-copy-from], [data-copy-shown]");
	if (copy) {
		const from = copy.dataset.copyFrom;
		const text = from ? document.getElementById(from)?.textContent
			: copy.dataset.copy ?? copy.parentElement.querySelector("code").innerText;
		navigator.clipboard.writeText(text ?? "").then(() => tell("Copied."), () => tell("The browser does not let a page copy here.", true));
	}
	const link = e.target.closest("a[data-stay]");
	if (link && !e.ctrlKey && !e.metaKey && !e.shiftKey && e.button === 0) {
		e.preventDefault();
		go(link.href, link.dataset.stay === "replace");
	}
	for (const menu of document.querySelectorAll("details.menu[open]")) {
		if (!menu.contains(e.target)) {
			menu.open = false;
		}
	}
});

document.addEventListener("submit", e => {
	const form = e.target, button = e.submitter;
	const question = button?.dataset.confirm || form.dataset.confirm;
	if (question && !confirm(question)) {
		e.preventDefault();
		return;
	}
	if (form.method === "post" && !form.hasAttribute("data-load") && form.action.includes("/ui/") && !form.action.endsWith("/logout")) {
		e.preventDefault();
		send(form, button);
	}
});

// An address has what was filled in only, as people keep it.
document.addEventListener("formdata", e => {
	if (e.target.method === "get") {
		const filled = [...e.formData].filter(([, value]) => value !== "");
		[...e.formData.keys()].forEach(name => e.formData.delete(name));
		filled.forEach(([name, value]) => e.formData.append(name, value));
	}
});

// --- commands of forms

const plainWord = /^[a-zA-Z0-9_@%+=:,./-]+$/, mostShown = 500; // characters; a longer text is for a file
const quote = word => plainWord.test(word) ? word : "'" + word.replaceAll("'", "'\\''") + "'";

// fill puts what is written into the commands of forms. The style sheet shows the flags of fields that are filled in.
function fill() {
	for (const flag of document.querySelectorAll("[data-flag]")) {
		const field = flag.closest(".options")?.querySelector(`[name="${flag.dataset.flag}"]`);
		if (!field || field.type === "checkbox") {
			continue;
		}
		const text = field.matches("input") ? field.value.trim() : field.value;
		flag.hidden = !text.trim() && !("fixed" in flag.dataset);
		flag.classList.toggle("given", field.value !== field.defaultValue);
		if (flag.dataset.each) {
			const lines = text.split("\n").map(line => line.trim()).filter(Boolean);
			flag.textContent = lines.map(line => flag.dataset.each + quote(line)).join("");
			continue;
		}
		const slot = flag.querySelector("[data-takes]");
		slot.textContent = text && text.length <= mostShown ? quote(text) : slot.dataset.takes;
	}
}

document.addEventListener("input", fill);
document.addEventListener("reset", () => setTimeout(fill));
document.addEventListener("perdure:morphed", fill);
fill();

// send sends a form, and shows where it leads.
async function send(form, button) {
	const data = new URLSearchParams(new FormData(form, button));
	const action = button?.getAttribute("formaction") || form.getAttribute("action");
	button?.setAttribute("disabled", "");
	try {
		const reply = await fetch(action, {method: "POST", body: data});
		const text = await reply.text();
		if (!reply.ok) {
			const fresh = new DOMParser().parseFromString(text, "text/html");
			tell(fresh.querySelector(".problem")?.textContent.trim() || "The engine refused: " + reply.status, true);
			return;
		}
		const to = new URL(reply.url);
		const here = new URL(location.href).searchParams;
		if (to.pathname === location.pathname && [...to.searchParams].every(([key, value]) => here.get(key) === value)) {
			form.reset();
			for (const menu of document.querySelectorAll("details.menu[open]")) {
				menu.open = false;
			}
			tag = "";
			await ask();
			tell("Done.");
		} else {
			location.href = reply.url;
		}
	} catch {
		tell("The engine does not answer; whether it was done is not known.", true);
	} finally {
		button?.removeAttribute("disabled");
	}
}

tick();
setInterval(tick, 500);
listen();
