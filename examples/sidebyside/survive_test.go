package sidebyside

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/perdure/perdure/durable"
	"github.com/perdure/perdure/durabletest"
)

// The tests in this file run each program with a fault at every place where one can strike.

// world is what the programs have effects on. Every run has another.
var world *durabletest.Execution

func reset(_ *testing.T, x *durabletest.Execution) { world = x }

func TestConvertSurvives(t *testing.T) {
	asked := 0
	bank := Bank{Rate: func(context.Context, string) (float64, error) {
		if asked++; asked < 3 {
			return 0, errDown
		}
		return 1.5, nil
	}}
	durabletest.Explore(t, bank.Convert, "USD", func(*testing.T, *durabletest.Execution) { asked = 0 })
}

func TestPaySurvives(t *testing.T) {
	till := Till{Charge: func(_ context.Context, cents int) (string, error) {
		world.Effect("charge", cents)
		return "receipt 1", nil
	}}
	durabletest.Explore(t, till.Pay, 500, reset, or("ask the cashier"))
}

// or also accepts another result.
func or(result string) durabletest.ExploreOption {
	return durabletest.Equal(func(undisturbed, disturbed *durabletest.Result[string]) bool {
		return disturbed.Same(undisturbed) || disturbed.Output() == result
	})
}

func TestTrialSurvives(t *testing.T) {
	mailer := Mailer{Send: func(ctx context.Context, to, letter string) error {
		world.EffectOnce(letter, to, durable.IdempotencyKey(ctx))
		return nil
	}}
	durabletest.Explore(t, mailer.Trial, "Ada", reset)
}

func TestApproveSurvives(t *testing.T) {
	desk := Desk{Ask: func(context.Context, Expense, string) error { return nil }}
	durabletest.Explore(t, desk.Approve, Expense{"Ada", 500}, func(_ *testing.T, x *durabletest.Execution) {
		id := x.Callback("approval")
		x.Advance(48 * time.Hour)
		x.SucceedCallback(id, "approved")
	})
}

func TestShipSurvives(t *testing.T) {
	durabletest.Explore(t, Ship, "London", func(_ *testing.T, x *durabletest.Execution) {
		durabletest.Stub(x, Carrier.Name, func(_ context.Context, p Parcel) (Label, error) {
			x.Effect("print", p.To)
			return Label{Tracking: "TRK-" + p.To}, nil
		})
	})
}

func TestAwaitSurvives(t *testing.T) {
	began := time.Time{}
	studio := Studio{Look: func(_ context.Context, id string) (Transcode, error) {
		return Transcode{ID: id, Done: time.Since(began) > 25*time.Second, URL: "/films/" + id}, nil
	}}
	durabletest.Explore(t, studio.Await, "7", func(*testing.T, *durabletest.Execution) { began = time.Now() })
}

func TestThumbnailsSurvives(t *testing.T) {
	gallery := Gallery{Shrink: func(_ context.Context, picture string) (string, error) {
		time.Sleep(time.Second)
		if strings.HasPrefix(picture, "bad") {
			return "", errors.New("this is no picture")
		}
		return picture + " small", nil
	}}
	durabletest.Explore(t, gallery.Thumbnails, []string{"a", "bad b", "c", "d", "bad e", "f"}, nil)
}

func TestOfferSurvives(t *testing.T) {
	market := Market{
		Price: func(context.Context, string) (float64, error) { time.Sleep(time.Minute); return 9.9, nil },
		Stock: func(context.Context, string) (int, error) { time.Sleep(time.Minute); return 3, nil },
	}
	durabletest.Explore(t, market.Offer, "WIDGET", nil)
}

func TestHailSurvives(t *testing.T) {
	taxi := Taxi{Find: func(ctx context.Context, _ string) (string, error) {
		select {
		case <-time.After(time.Minute):
			return "Sam", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}}
	durabletest.Explore(t, taxi.Hail, "station", nil, or("take the bus"))
}

func TestBookSurvives(t *testing.T) {
	agency := Agency{
		BookFlight: func(_ context.Context, key, to string) (string, error) {
			world.EffectOnce("book", to, key)
			return "flight to " + to, nil
		},
		CancelFlight: func(ctx context.Context, flight string) error {
			world.EffectOnce("cancel", flight, durable.IdempotencyKey(ctx))
			return nil
		},
		AskHotel: func(context.Context, string, string) error { return nil },
	}
	durabletest.Explore(t, agency.Book, "Rome", func(t *testing.T, x *durabletest.Execution) {
		reset(t, x)
		id := x.Callback("room")
		x.Advance(48 * time.Hour)
		x.SucceedCallback(id, "room 12")
	})
	durabletest.Explore(t, agency.Book, "Rome", func(t *testing.T, x *durabletest.Execution) {
		reset(t, x)
		x.FailCallback(x.Callback("room"), "Full", "no room")
	})
}
