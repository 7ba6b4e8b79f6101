// Keys for everything that a pointer can do. ? shows them.
"use strict";

const help = document.getElementById("help");
let leader = 0; // when g was pressed

const rows = () => [...document.querySelectorAll("[data-row]")].filter(e => e.offsetParent);

// move puts the focus on the next row, or the one before.
function move(by) {
	const all = rows();
	const at = all.findIndex(e => e.contains(document.activeElement));
	const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + by))];
	next?.querySelector("[data-open]")?.focus();
	next?.scrollIntoView({block: "nearest"});
}

const keys = {
	"?": () => help.showModal(),
	"/": () => document.querySelector("[data-filter]")?.focus(),
	j: () => move(1),
	k: () => move(-1),
	x: () => document.activeElement.closest("[data-row]")?.querySelector("[data-mark]")?.click(),
	a: () => {
		const actions = document.querySelector("[data-actions] button, [data-actions] summary");
		actions?.focus();
	},
	n: () => document.querySelector("[data-key-page=n]")?.click(),
	p: () => document.querySelector("[data-key-page=p]")?.click(),
	ArrowDown: () => move(1),
	ArrowUp: () => move(-1),
	g: () => leader = Date.now(),
};

document.addEventListener("keydown", e => {
	if (e.key === "Escape") {
		const menu = document.activeElement.closest("details.menu[open]");
		if (menu) {
			menu.open = false;
			menu.querySelector("summary").focus();
		} else if (document.activeElement.matches("input, textarea, select")) {
			document.activeElement.blur();
		} else {
			document.querySelector("[data-close]")?.click();
		}
		return;
	}
	if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches("input, textarea, select") || help.open) {
		return;
	}
	if (Date.now() - leader < 1500) {
		leader = 0;
		const link = document.querySelector(`nav [data-key="${CSS.escape(e.key)}"]`);
		if (link) {
			e.preventDefault();
			link.click();
		}
		return;
	}
	if (Object.hasOwn(keys, e.key)) {
		e.preventDefault();
		keys[e.key]();
	}
});

document.querySelector("[data-help]").addEventListener("click", () => help.showModal());
