// The form that starts an execution: says where an event is not JSON, and formats it.
"use strict";

const event = document.querySelector("[data-json]"), said = document.getElementById("json-state");

// place is the line and the column at which a text stops being JSON, as far as the browser says.
function place(text, message) {
	const at = /position (\d+)/.exec(message);
	if (!at) {
		return "";
	}
	const before = text.slice(0, Number(at[1])), lines = before.split("\n");
	return " in line " + lines.length + ", column " + (lines.at(-1).length + 1);
}

function check() {
	const text = event.value.trim();
	let problem = "";
	try {
		if (text) {
			JSON.parse(text);
		}
	} catch (e) {
		problem = "Not JSON" + place(event.value, e.message) + ": " + e.message.split(/ in JSON| \(line/)[0];
	}
	said.textContent = problem || (text ? "✓ JSON, " + new TextEncoder().encode(text).length.toLocaleString("en") + " bytes" : "no event");
	said.classList.toggle("wrong", Boolean(problem));
	event.setAttribute("aria-invalid", String(Boolean(problem)));
	return !problem;
}

// pretty lays JSON out without a change of what it says: numbers and members stay as they are written.
function pretty(text) {
	let out = "", depth = 0, inside = false;
	const line = () => "\n" + "  ".repeat(depth);
	for (let i = 0; i < text.length; i++) {
		const c = text[i];
		if (inside || c === '"') {
			out += c;
			if (c === "\\") {
				out += text[++i];
			} else if (c === '"') {
				inside = !inside;
			}
		} else if (c === "{" || c === "[") {
			const empty = /^\s*[}\]]/.exec(text.slice(i + 1));
			out += c;
			if (empty) {
				i += empty[0].length;
				out += text[i];
			} else {
				depth++;
				out += line();
			}
		} else if (c === "}" || c === "]") {
			depth--;
			out += line() + c;
		} else if (c === ",") {
			out += c + line();
		} else if (c === ":") {
			out += ": ";
		} else if (c.trim()) {
			out += c;
		}
	}
	return out;
}

if (event) {
	let checking;
	event.addEventListener("input", () => {
		clearTimeout(checking);
		checking = setTimeout(check, 150);
	});
	document.querySelector("[data-format]").addEventListener("click", () => {
		if (check()) {
			event.value = pretty(event.value);
			check();
		}
	});
	document.querySelector("[data-function]").addEventListener("change", e => {
		location.href = "/ui/start?function=" + encodeURIComponent(e.target.value);
	});
	document.addEventListener("perdure:morphed", check);
	check();
}
