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
	// most is how many times the time for n the work for 2n may take. Sorting takes 2.2 times as much, growing out of a
	// processor cache a little more, quadratic work 4 times.
	most = 3
	// tries is how often a suspected measurement is repeated. The least time of all tries counts, so that other work on
	// the machine raises no suspicion.
	tries = 5
)

// certain is a time that cannot be a mistake of the clock, so it is not measured again.
const certain = 2 * time.Second

// Enough is the time below which Linear checks nothing: a shorter time is mostly error of the clock.
const Enough = 2 * time.Millisecond

// Superlinear reports how long work took for n and for 2n, when that grows too fast. It returns "" when the growth is
// right, or when work took less than enough. prepare makes the work for n; its own time does not count. No other test
// may run at the same time.
func Superlinear(n int, enough time.Duration, prepare func(n int) (work func())) string {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a garbage collection would be for memory of other tests
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
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it fails only for other arguments
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// Allocated is how many bytes work takes from the heap, freed or not. The heap cannot grow by more, whenever the
// garbage collector runs.
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
