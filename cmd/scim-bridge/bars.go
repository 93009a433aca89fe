package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"
)

// bars shows progress: bars on a terminal, elsewhere a line now and then.
type bars struct {
	out    io.Writer
	writer progress.Writer // nil where there is no terminal
}

func newBars(out io.Writer) *bars {
	b := &bars{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.writer = progress.NewWriter()
		b.writer.SetOutputWriter(out)
		b.writer.SetStyle(progress.StyleBlocks)
		b.writer.SetUpdateFrequency(100 * time.Millisecond)
		b.writer.SetAutoStop(false)
		go b.writer.Render()
	}
	return b
}

// often is after how many steps there is a line where there is no terminal.
const often = 1000

// add makes the progress function of one task.
func (b *bars) add(name string) func(done, all int) {
	tracker := &progress.Tracker{Message: name}
	var shown atomic.Bool
	return func(done, all int) {
		if b.writer == nil {
			if done == all || done%often == 0 {
				fmt.Fprintf(b.out, "%s: %d of %d done\n", name, done, all)
			}
			return
		}
		if !shown.Swap(true) {
			tracker.Total = int64(all)
			b.writer.AppendTracker(tracker)
		}
		tracker.SetValue(int64(done))
	}
}

// stop ends the bars.
func (b *bars) stop() {
	if b.writer == nil {
		return
	}
	b.writer.Stop()
	for b.writer.IsRenderInProgress() {
		<-time.After(10 * time.Millisecond)
	}
}
