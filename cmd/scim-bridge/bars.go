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

// bars shows progress: as bars on a terminal, else as a line of text from time to time.
type bars struct {
	out    io.Writer
	writer progress.Writer // nil without a terminal
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

// often is the number of steps between two lines when there is no terminal.
const often = 1000

// add returns the function that reports the progress of a task.
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

// stop ends the bars and waits until they are drawn.
func (b *bars) stop() {
	if b.writer == nil {
		return
	}
	b.writer.Stop()
	for b.writer.IsRenderInProgress() {
		<-time.After(10 * time.Millisecond)
	}
}
