// The list of executions: what is selected stays selected while rows come and go, and over pages of the list.
"use strict";

const kept = "perdure-selected", mostChosen = 300; // so an address has room for them
const chosen = new Map(JSON.parse(sessionStorage.getItem(kept) || "[]")); // ARN to name

const boxes = () => [...document.querySelectorAll("[data-mark]")];
const all = () => document.querySelector("[data-all]");

function show() {
	for (const box of boxes()) {
		box.checked = chosen.has(box.value);
		box.disabled = Boolean(all()?.checked);
	}
	const here = boxes(), marked = here.filter(b => b.checked).length;
	const page = document.querySelector("[data-page]");
	if (page) {
		page.checked = here.length > 0 && marked === here.length;
		page.indeterminate = marked > 0 && marked < here.length;
		page.disabled = Boolean(all().checked);
	}
	const said = document.getElementById("selected");
	if (said) {
		const elsewhere = chosen.size - marked;
		const text = all().checked ? "All that match" : chosen.size ? chosen.size + " selected" + (elsewhere ? ", " + elsewhere + " not on this page" : "") : "";
		if (said.dataset.said !== text) {
			said.dataset.said = text;
			said.replaceChildren();
			if (text) {
				const strong = document.createElement("strong");
				strong.textContent = text;
				said.append(strong);
				if (!all().checked) {
					const none = document.createElement("button");
					none.type = "button";
					none.className = "plain";
					none.textContent = "clear";
					none.addEventListener("click", () => {
						chosen.clear();
						store();
					});
					said.append(" ", none);
				}
			} else {
				said.textContent = "Select some with x, or tick";
			}
		}
	}
	for (const button of document.querySelectorAll("#bulk button[name=Action]")) {
		button.disabled = !chosen.size && !all().checked;
	}
}

function store() {
	sessionStorage.setItem(kept, JSON.stringify([...chosen]));
	show();
}

document.addEventListener("change", e => {
	const box = e.target;
	if (box.matches("[data-page]")) {
		for (const b of boxes()) {
			b.checked = box.checked;
			mark(b);
		}
	} else if (box.matches("[data-mark]")) {
		mark(box);
	} else if (!box.matches("[data-all]")) {
		return;
	}
	store();
});

function mark(box) {
	if (box.checked) {
		chosen.set(box.value, "");
	} else {
		chosen.delete(box.value);
	}
}

// What was selected on other pages goes with the form; the browser forgets it then.
document.addEventListener("submit", e => {
	if (e.target.id !== "choose") {
		return;
	}
	for (const old of e.target.querySelectorAll("[data-elsewhere]")) {
		old.remove();
	}
	if (!all().checked && chosen.size > mostChosen) {
		e.preventDefault();
		perdure.tell("At most " + mostChosen + " are selected one by one; of more, take all that match a filter.", true);
		return;
	}
	if (!all().checked) {
		const here = new Set(boxes().map(b => b.value));
		for (const arn of chosen.keys()) {
			if (!here.has(arn)) {
				const field = document.createElement("input");
				Object.assign(field, {type: "hidden", name: "ARN", value: arn});
				field.dataset.elsewhere = "";
				e.target.append(field);
			}
		}
	}
	sessionStorage.removeItem(kept);
});

document.addEventListener("perdure:morphed", show);
addEventListener("pageshow", show);
show();
