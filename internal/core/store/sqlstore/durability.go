package sqlstore

import (
	"fmt"
	"slices"
	"strings"
)

// Durability says what a commit survives once it was acknowledged.
type Durability int

const (
	// Power survives the loss of power: every commit waits for the disk.
	Power Durability = iota
	// Process survives the death of the process. The loss of power may cost
	// the latest commits, but leaves the database whole.
	Process
	// None survives the death of the process too, but the loss of power may
	// cost the whole database.
	None
)

var durabilities = []string{Power: "power", Process: "process", None: "none"}

func (d Durability) String() string { return durabilities[d] }

// MarshalText returns the name of d, for flags and configuration files.
func (d Durability) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText accepts a name.
func (d *Durability) UnmarshalText(text []byte) error {
	i := slices.Index(durabilities, string(text))
	if i < 0 {
		return fmt.Errorf("durability %q: choose one of %s", text, strings.Join(durabilities, ", "))
	}
	*d = Durability(i)
	return nil
}
