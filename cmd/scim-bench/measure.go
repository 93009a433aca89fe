package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sync/errgroup"
)

// report has the measurements in a realm.
type report struct {
	options

	realm   *realm
	rows    []row           // of reads
	written []row           // of writes
	commits []time.Duration // of durable commits between the writes
	asked   int
}

// row has the medians of one question. A side that cannot answer has 0.
type row struct {
	name       string
	warm, cold [sides]time.Duration
	rate       [sides]float64 // answers a second to eight clients at once

	unsupported bool // by Keycloak's own SCIM
}

// measure asks every question: first by eight clients at once, which also lets the server compile
// its code, then by one client, then cold. It asks Keycloak's own SCIM for the walk only when that
// ends in reasonable time.
func (p *report) measure(ctx context.Context) error {
	questions := slices.DeleteFunc(slices.Concat(userQuestions(), pageQuestions(), groupQuestions()), p.leftOut)
	p.rows = make([]row, len(questions))
	for i, q := range questions {
		fmt.Fprintln(os.Stderr, "eight at once:", q.name)
		p.rows[i].name = q.name
		var err error
		if p.rows[i].rate, err = p.rates(ctx, q); err != nil {
			return err
		}
	}
	warm, cold := make([][sides][]time.Duration, len(questions)), make([][sides][]time.Duration, len(questions))
	for round := range p.rounds + 1 { // the first warms up
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round, p.rounds)
		for i, q := range questions {
			for s := range sides {
				took, err := p.ask(ctx, q, s, q.each)
				if err != nil {
					return err
				}
				if round > 0 {
					warm[i][s] = append(warm[i][s], took...)
				}
			}
		}
	}
	for i, q := range questions {
		for range p.cold {
			for s := range sides {
				if err := p.realm.admin(ctx, http.MethodPost, "/clear-user-cache", nil, nil); err != nil {
					return err
				}
				took, err := p.ask(ctx, q, s, 1)
				if err != nil {
					return err
				}
				cold[i][s] = append(cold[i][s], took...)
			}
		}
		for s := range sides {
			if _, err := p.ask(ctx, q, s, 1); err != nil { // warm up again
				return err
			}
		}
		for s := range sides {
			p.rows[i].warm[s], p.rows[i].cold[s] = median(warm[i][s]), median(cold[i][s])
		}
	}
	return p.walk(ctx)
}

func (p *report) leftOut(q question) bool { return !strings.Contains(q.name, p.only) }

// walk reads everything once by each side. It leaves out Keycloak's own SCIM when that would take
// longer than a quarter of an hour.
func (p *report) walk(ctx context.Context) error {
	const most = 20_000
	q := walk()
	if p.leftOut(q) {
		return nil
	}
	out := row{name: q.name}
	for s := range sides {
		if p.realm.users > most && s != bridge {
			continue
		}
		took, err := p.ask(ctx, q, s, 1)
		if err != nil {
			return err
		}
		out.warm[s] = median(took)
	}
	p.rows = append(p.rows, out)
	return nil
}

// ask asks a side several times.
func (p *report) ask(ctx context.Context, q question, s side, times int) ([]time.Duration, error) {
	if q.of[s] == nil {
		return nil, nil
	}
	var out []time.Duration
	if err := p.stir(ctx, q, burstSize); err != nil {
		return nil, err
	}
	for range times {
		p.asked++
		if err := p.stir(ctx, q, 1); err != nil {
			return nil, err
		}
		began := time.Now()
		n, err := q.of[s](ctx, p.realm, s, p.asked)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		out = append(out, time.Since(began))
		if q.want >= 0 && n != q.want {
			return nil, fmt.Errorf("%s: side %d answers %d, want %d", q.name, s, n, q.want)
		}
	}
	return out, nil
}

// stir makes the changes during which a question is asked.
func (p *report) stir(ctx context.Context, q question, n int) error {
	if q.stir == nil {
		return nil
	}
	return q.stir(ctx, p.realm, n)
}

// rates returns the answers a second of each side to eight clients at once. They are medians of
// slices of time. The sides take turns, and the first slices do not count.
func (p *report) rates(ctx context.Context, q question) (rates [sides]float64, err error) {
	const warmUp, slice = 2 * time.Second, 500 * time.Millisecond
	var list [sides][]float64
	for i := range p.rounds + 1 {
		for s := range sides {
			if q.of[s] == nil {
				continue
			}
			length := slice
			if i == 0 {
				length = warmUp
			}
			if err := p.stir(ctx, q, burstSize); err != nil {
				return rates, err
			}
			n, err := p.rate(ctx, q, s, length)
			if err != nil {
				return rates, fmt.Errorf("%s: %w", q.name, err)
			}
			if i > 0 {
				list[s] = append(list[s], n)
			}
		}
	}
	for s := range sides {
		rates[s] = median(list[s])
	}
	return rates, nil
}

// rate returns the answers a second of a side to eight clients at once, for some time.
func (p *report) rate(ctx context.Context, q question, s side, length time.Duration) (float64, error) {
	var n atomic.Int64
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for worker := range fillers {
		g.Go(func() error {
			for i := worker; time.Since(began) < length; i += fillers {
				if _, err := q.of[s](gctx, p.realm, s, i); err != nil {
					return err
				}
				n.Add(1)
			}
			return nil
		})
	}
	err := g.Wait()
	return float64(n.Load()) / time.Since(began).Seconds(), err
}

func median[T cmp.Ordered](list []T) (none T) {
	if len(list) == 0 {
		return none
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (p *report) print(out io.Writer) {
	p.table(out, "reads", p.rows)
	p.table(out, "writes", p.written)
	p.storeTable(out)
	if mb, err := p.realm.memory(); err == nil {
		fmt.Fprintf(out, "the bridge's process has %d MB\n", mb)
	}
}

// table prints rows. A cell is empty when there is nothing to compare.
func (p *report) table(out io.Writer, name string, rows []row) {
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{
		fmt.Sprintf("%s, %d users", name, p.realm.users), "bridge", "native", "admin", "x native", "x admin", "x native, 8", "x admin, 8", "proxy x admin, 8", "cold", "native cold", "admin cold",
	})
	for _, r := range rows {
		own := text(r.warm[native])
		if r.unsupported {
			own = "not supported"
		}
		t.AppendRow(table.Row{
			r.name, text(r.warm[bridge]), own, text(r.warm[admin]), ratio(r.warm[native], r.warm[bridge]), ratio(r.warm[admin], r.warm[bridge]),
			ratio(r.rate[bridge], r.rate[native]), ratio(r.rate[bridge], r.rate[admin]), ratio(r.rate[proxy], r.rate[admin]), text(r.cold[bridge]), text(r.cold[native]), text(r.cold[admin]),
		})
	}
	t.Render()
}

// storeTable shows what the store costs: the same writes by a bridge with a store and by one without.
func (p *report) storeTable(out io.Writer) {
	if len(p.written) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	commit := median(p.commits)
	t.AppendHeader(table.Row{"the store", "with", "without", "added", "x commit", "x without, 8"})
	for _, r := range p.written {
		added := r.warm[bridge] - r.warm[stateless]
		t.AppendRow(table.Row{r.name, text(r.warm[bridge]), text(r.warm[stateless]), text(added), ratio(added, commit), ratio(r.rate[bridge], r.rate[stateless])})
	}
	t.Render()
	fmt.Fprintf(out, "a durable commit of one row, made between the writes, takes %s\n", text(commit))
}

func text(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) //nolint:mnd // µs in a ms
}

func ratio[T ~int64 | ~float64](a, b T) string {
	if a == 0 || b == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
