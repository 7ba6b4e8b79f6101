package ignore

import (
	"fmt"
	"time"

	"github.com/perdure/perdure/durable"
)

func handler(ctx durable.Context, in string) error {
	_ = time.Now() //perdure:ignore it is only logged
	//perdure:ignore clock: it is only logged
	_ = time.Now()
	_ = time.Now()          //perdure:ignore // want `ignore: this comment gives no reason`
	_ = time.Now()          //perdure:ignore clock // want `gives no reason`
	_ = time.Now()          //perdure:ignore clock: // want `gives no reason`
	_ = in                  //perdure:ignore there is nothing here // want `suppresses nothing`
	_ = time.Now()          //perdure:ignore random: it is another rule // want `suppresses nothing`
	_ = time.Now()          //perdure:ignore clok: it is only logged // want `there is no rule clok`
	fmt.Println(time.Now()) //perdure:ignore clock,output: both are wanted
	_ = "//perdure:ignore is only text"
	//perdure:ignored is another word
	return nil
}
