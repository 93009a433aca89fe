//go:build race

package sqlstore

import (
	"flag"
	"testing"
)

func init() { beforeTests = fewerCalls }

// fewerCalls makes a fifth of the random calls: the race detector watches the memory of SQLite too, which takes ten times
// as long. The other calls are made without it.
func fewerCalls() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given && !testing.Short() {
		if err := flag.Set("rapid.checks", "20"); err != nil {
			panic(err)
		}
	}
}
