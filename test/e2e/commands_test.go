package e2e

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// commands are the commands that one sees within an element, a line for each, all for this engine.
func (b *tab) commands(within, want string) {
	b.t.Helper()
	here := " --endpoint " + b.base
	want = strings.ReplaceAll(want, "\n", here+"\n") + here
	b.until("the command is "+want, `[...document.querySelectorAll(`+quote(within+" .command code")+`)]
		.filter(e => e.checkVisibility()).map(e => e.innerText).join("\n") === `+quote(want))
}

// What is ticked and written in a form is in the command that does the same.
func TestCommandsSayWhatIsFilledIn(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("order-1", event{Do: "approval"})
	s.waits(arn, "manager")
	b.open(pageOf(arn))
	b.click("summary", "Stop …")
	const stop = "form[action='/ui/stop']"
	b.commands(stop, "perdure stop order-1 --function shop")
	b.click("label", "end what runs of it now")
	b.commands(stop, "perdure stop order-1 --function shop --kill")
	b.click("label", "stop also what it invoked")
	b.fill(stop+" input[name=reason]", "Why", "it's late")
	b.commands(stop, `perdure stop order-1 --function shop --reason 'it'\''s late' --kill --cascade`)
	b.fill(stop+" input[name=reason]", "Why", " ")
	b.commands(stop, "perdure stop order-1 --function shop --kill --cascade")
	b.click("summary", "Pause …")
	b.click("label", "let its timeout run on")
	b.commands("form[action='/ui/pause']", "perdure pause order-1 --function shop --keep-timeout")

	b.selects("manager-callback")
	id := eval[string](b, `document.querySelector("[name=callback]").value`)
	answer := "perdure callback succeed " + id
	reject := "perdure callback fail " + id + " --error-type Rejected"
	b.commands("form[action='/ui/succeed']", answer+"\n"+reject)
	b.fill("textarea[name=result]", "", `{"ok":  true}`)
	b.commands("form[action='/ui/succeed']", answer+` --result '{"ok":  true}'`+"\n"+reject+` --error-message '{"ok":  true}'`)
	eval[any](b, "perdure.ask()") // a newer page leaves what was typed, and its command
	b.commands("form[action='/ui/succeed']", answer+` --result '{"ok":  true}'`+"\n"+reject+` --error-message '{"ok":  true}'`)

	b.open("/ui/act?Action=stop&All=1&Function=shop")
	b.commands(".terminal", "perdure stop --function shop")
	b.click("label", "stop also what they invoked")
	b.fill("input[name=rate]", "At most so many a second", "2.5")
	b.commands(".terminal", "perdure stop --function shop --cascade --rate 2.5")
	b.click(".tabs a", "Skip waits")
	b.click("label", "every moment that they wait for")
	b.commands(".terminal", "perdure skip --function shop --all")

	b.open("/ui/start?function=shop")
	b.commands(".terminal", "perdure invoke --event event.json shop")
	b.fill("input[name=version]", "Version or alias", "live")
	b.fill("input[name=name]", "Name", "order-2")
	b.fill("textarea[name=tags]", "Tags", "team=a b\n\n urgent= ")
	b.commands(".terminal", "perdure invoke --event event.json shop:live --name order-2 --tag 'team=a b' --tag urgent=")
}

// Without JavaScript the command has the flags, and a word in place of what is written.
func TestCommandsWithoutJavaScript(t *testing.T) {
	s := newSite(t, nil)
	b := s.tab()
	arn := s.start("order-1", event{Do: "approval"})
	s.waits(arn, "manager")
	tell(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	b.open(pageOf(arn))
	b.click("summary", "Stop …")
	const stop = "form[action='/ui/stop']"
	b.commands(stop, "perdure stop order-1 --function shop")
	b.click("label", "end what runs of it now")
	b.fill(stop+" input[name=reason]", "Why", "late")
	b.commands(stop, "perdure stop order-1 --function shop --reason TEXT --kill")
}
