// The timeline of an execution: sends for the rows that one scrolls to, and lights up what an invocation ran.
"use strict";

const rowHeight = 34, around = 40;
let wanted, wanting;

const timeline = () => document.querySelector(".timeline");

// scrolled asks for other rows when what is seen comes near the end of those that are there.
function scrolled() {
	const line = timeline(), rows = line?.querySelector(".rows");
	if (!rows) {
		return;
	}
	const total = Number(line.dataset.total), first = Number(rows.dataset.first);
	const sent = rows.querySelectorAll("li").length;
	const top = Math.floor(-rows.getBoundingClientRect().top / rowHeight);
	const from = Math.max(0, top), to = Math.min(total, top + Math.ceil(innerHeight / rowHeight));
	if (to < 0 || from > total || from >= first && to <= first + sent) {
		return;
	}
	const address = new URL(location.href);
	address.searchParams.set("at", Math.max(0, from - around));
	if (wanted === address.href) {
		return;
	}
	wanted = address.href;
	clearTimeout(wanting);
	wanting = setTimeout(() => perdure.go(wanted, true), 60);
}

document.addEventListener("scroll", scrolled, {passive: true});
document.addEventListener("perdure:morphed", () => {
	wanted = undefined;
	scrolled();
});

// light marks the rows that an invocation ran; none without a number.
function light(number) {
	for (const row of document.querySelectorAll("[data-row]")) {
		row.classList.toggle("glow", number > 0 && number >= Number(row.dataset.from) && number <= Number(row.dataset.to));
	}
}

for (const [enter, leave] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
	document.addEventListener(enter, e => {
		const invocation = e.target.closest?.("[data-invocation]");
		if (invocation) {
			light(Number(invocation.dataset.invocation));
		}
	});
	document.addEventListener(leave, e => {
		if (e.target.closest?.("[data-invocation]")) {
			light(0);
		}
	});
}
