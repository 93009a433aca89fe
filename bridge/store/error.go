package store

import "fmt"

// Error implements error.
func (e *BrokenError) Error() string {
	if e.Number == 0 {
		return "the journal was altered: " + e.What
	}
	return fmt.Sprintf("the journal was altered at entry %d: %s", e.Number, e.What)
}
