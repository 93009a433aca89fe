package growth

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"syscall"
	"testing"
	"time"
)

const (
	// most is how many times more the work for 2n may take than that for n. Sorting takes 2.2
	// times as much, growing out of a cache of the processor some more, the square 4 times.
	most = 3
	// tries is how often a suspicion is looked at again. The least time of all tries counts, so
	// that whatever else the machine does is no suspicion.
	tries = 5
)

// certain is a time that is no mistake of the clock: it is looked at once.
const certain = 2 * time.Second

// Enough is the time below which Linear says nothing: it would be about the clock.
const Enough = 2 * time.Millisecond

// Superlinear says what work took for n and for 2n if that is too much, and "" if it is
// not, or took less than enough. prepare makes what is to be done with n of something; its own
// time does not count. No other test may run meanwhile.
func Superlinear(n int, enough time.Duration, prepare func(n int) (work func())) string {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection would be of what others left
	var once, twice time.Duration
	for try := range tries {
		one, two := took(prepare(n)), took(prepare(2*n))
		if try == 0 {
			once, twice = one, two
		}
		once, twice = min(once, one), min(twice, two)
		if twice < enough || twice < most*once {
			return ""
		}
		if twice > certain {
			break
		}
		runtime.GC()
	}
	return fmt.Sprintf("%d take %v, and %d take %v: %.1f times as much", n, once, 2*n, twice, float64(twice)/float64(once))
}

// Linear fails the test if work is Superlinear.
func Linear(tb testing.TB, n int, prepare func(n int) (work func())) {
	tb.Helper()
	prepare(n)() // warms caches and pools
	if grew := Superlinear(n, Enough, prepare); grew != "" {
		tb.Errorf("the work grows faster than what it is given: %s", grew)
	}
}

// took is the time that the processor spent on work.
func took(work func()) time.Duration {
	before := spent()
	work()
	return spent() - before
}

func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // which fails for other arguments alone
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Allocated is how many bytes work takes from the heap, be they given back or not: no heap can
// grow by more, whenever the collector comes.
func Allocated(work func()) uint64 {
	before := allocated()
	work()
	return allocated() - before
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
