package sidebyside

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

var errDown = errors.New("nobody answers")

func TestConvertAsksAgainUnlessThatIsInVain(t *testing.T) {
	asked := 0
	bank := Bank{Rate: func(_ context.Context, currency string) (float64, error) {
		if asked++; currency == "XYZ" {
			return 0, &UnknownCurrencyError{currency}
		}
		if asked < 3 {
			return 0, errDown
		}
		return 1.5, nil
	}}
	if got, want := durabletest.Run(t, bank.Convert, "USD").Output(), "1 EUR = 1.50 USD"; got != want || asked != 3 {
		t.Errorf("got %q after asking %d times, want %q after 3", got, asked, want)
	}
	asked = 0
	if r := durabletest.Run(t, bank.Convert, "XYZ"); r.Status != durabletest.Failed || asked != 1 {
		t.Errorf("got %s after asking %d times, want FAILED after 1", r.Status, asked)
	}
}

func TestPayNeverChargesTwice(t *testing.T) {
	charged := 0
	till := Till{Charge: func(context.Context, int) (string, error) {
		charged++
		return "receipt 1", nil
	}}
	if got := durabletest.Run(t, till.Pay, 500).Output(); got != "receipt 1" {
		t.Errorf("got %q", got)
	}
	charged = 0
	r := durabletest.Drive(t, till.Pay, 500, func(_ *testing.T, x *durabletest.Execution) { x.CrashBefore("charge") })
	if got := r.Output(); got != "ask the cashier" || charged != 1 {
		t.Errorf("after a crash got %q and %d charges, want one and a question", got, charged)
	}
}

func TestTrialTakesTwoWeeks(t *testing.T) {
	var sent []string
	mailer := Mailer{Send: func(_ context.Context, to, letter string) error {
		sent = append(sent, to+": "+letter)
		return nil
	}}
	r := durabletest.Run(t, mailer.Trial, "Ada")
	if got := strings.Join(sent, ", "); r.Output() != "asked" || got != "Ada: welcome, Ada: stay?" {
		t.Errorf("sent %q", got)
	}
	if r.Elapsed != 14*24*time.Hour || r.Invocations != 2 {
		t.Errorf("took %v and %d invocations, want two weeks and 2", r.Elapsed, r.Invocations)
	}
}

func TestApproveWaitsForAnAnswer(t *testing.T) {
	desk := Desk{Ask: func(context.Context, Expense, string) error { return nil }}
	for answer, act := range map[string]func(x *durabletest.Execution, id string){
		"approved": func(x *durabletest.Execution, id string) {
			x.Advance(48 * time.Hour)
			x.SucceedCallback(id, "approved")
		},
		"declined: no answer": func(x *durabletest.Execution, _ string) { x.Advance(72 * time.Hour) },
	} {
		r := durabletest.Drive(t, desk.Approve, Expense{"Ada", 500}, func(_ *testing.T, x *durabletest.Execution) {
			act(x, x.Callback("approval"))
		})
		if got := r.Output(); got != answer {
			t.Errorf("got %q, want %q", got, answer)
		}
	}
}

func TestShipCallsTheCarrier(t *testing.T) {
	for to, want := range map[string]durabletest.Status{"London": durabletest.Succeeded, "": durabletest.Failed} {
		r := durabletest.Drive(t, Ship, to, func(_ *testing.T, x *durabletest.Execution) {
			durabletest.Stub(x, Carrier.Name, func(_ context.Context, p Parcel) (Label, error) {
				if p.To == "" {
					return Label{}, errors.New("there is no address")
				}
				return Label{Tracking: "TRK-" + p.To}, nil
			})
		})
		if r.Status != want || want == durabletest.Succeeded && r.Output() != "TRK-London" {
			t.Errorf("to %q got %s, want %s", to, r.Status, want)
		}
	}
}

func TestAwaitLooksUntilTheJobIsDone(t *testing.T) {
	looked := 0
	studio := Studio{Look: func(_ context.Context, id string) (Transcode, error) {
		looked++
		return Transcode{ID: id, Done: looked == 4, URL: "/films/" + id}, nil
	}}
	r := durabletest.Run(t, studio.Await, "7")
	if got := r.Output(); got != "/films/7" || r.Elapsed != 30*time.Second {
		t.Errorf("got %q after %v, want /films/7 after 30s", got, r.Elapsed)
	}
}

func TestThumbnailsToleratesTwoFailures(t *testing.T) {
	var busy atomic.Int32
	gallery := Gallery{Shrink: func(_ context.Context, picture string) (string, error) {
		if n := busy.Add(1); n > 3 {
			t.Errorf("%d pictures are being shrunk, want 3 at most", n)
		}
		defer busy.Add(-1)
		time.Sleep(time.Second)
		if strings.HasPrefix(picture, "bad") {
			return "", errors.New("this is no picture")
		}
		return picture + " small", nil
	}}
	r := durabletest.Run(t, gallery.Thumbnails, []string{"a", "bad b", "c", "d", "bad e", "f"})
	if got, want := r.Output(), "made 4, failed 2"; got != want || r.Elapsed != 2*time.Second {
		t.Errorf("got %q after %v, want %q after two rounds of a second", got, r.Elapsed, want)
	}
	if r := durabletest.Run(t, gallery.Thumbnails, []string{"bad a", "bad b", "bad c", "d"}); r.Status != durabletest.Failed {
		t.Errorf("with three failures got %s, want FAILED", r.Status)
	}
}

func TestOfferAsksForBothAtOnce(t *testing.T) {
	market := Market{
		Price: func(context.Context, string) (float64, error) { time.Sleep(time.Minute); return 9.9, nil },
		Stock: func(context.Context, string) (int, error) { time.Sleep(time.Minute); return 3, nil },
	}
	r := durabletest.Run(t, market.Offer, "WIDGET")
	if got, want := r.Output(), "3 left at 9.90"; got != want || r.Elapsed != time.Minute {
		t.Errorf("got %q after %v, want %q after 1m", got, r.Elapsed, want)
	}
}

func TestHailCallsTheLoserOff(t *testing.T) {
	var off error
	taxi := Taxi{Find: func(ctx context.Context, from string) (string, error) {
		select {
		case <-time.After(map[string]time.Duration{"station": time.Minute, "moor": time.Hour}[from]):
			return "Sam", nil
		case <-ctx.Done():
			off = context.Cause(ctx)
			return "", off
		}
	}}
	r := durabletest.Run(t, taxi.Hail, "station")
	if got := r.Output(); got != "Sam" || r.Operation("ten_minutes").Status != "CANCELLED" {
		t.Errorf("got %q, and the wait is %s, want Sam and CANCELLED", got, r.Operation("ten_minutes").Status)
	}
	r = durabletest.Run(t, taxi.Hail, "moor")
	if got := r.Output(); got != "take the bus" || !errors.Is(off, durable.ErrCanceled) {
		t.Errorf("got %q, and the search ended with %v", got, off)
	}
}

func TestBookCancelsForFailureAndNotForSuspension(t *testing.T) {
	var cancelled []string
	agency := Agency{
		BookFlight:   func(_ context.Context, _, to string) (string, error) { return "flight to " + to, nil },
		CancelFlight: func(_ context.Context, flight string) error { cancelled = append(cancelled, flight); return nil },
		AskHotel:     func(context.Context, string, string) error { return nil },
	}
	r := durabletest.Drive(t, agency.Book, "Rome", func(t *testing.T, x *durabletest.Execution) {
		id := x.Callback("room")
		x.Advance(48 * time.Hour) // suspended
		x.SucceedCallback(id, "room 12")
	})
	if got, want := r.Output(), "flight to Rome, room 12"; got != want || len(cancelled) > 0 || r.Invocations < 2 {
		t.Errorf("got %q, cancelled %v, want %q and nothing", got, cancelled, want)
	}
	r = durabletest.Drive(t, agency.Book, "Rome", func(t *testing.T, x *durabletest.Execution) {
		x.FailCallback(x.Callback("room"), "Full", "no room")
	})
	if r.Status != durabletest.Failed || len(cancelled) != 1 {
		t.Errorf("got %s, cancelled %v, want FAILED and one flight", r.Status, cancelled)
	}
}
