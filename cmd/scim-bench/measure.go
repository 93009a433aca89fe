package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sync/errgroup"
)

// report is what was measured in a realm.
type report struct {
	realm        *realm
	rounds, cold int
	rows         []row
	asked        int
}

// row are the medians of one question, 0 where a side has no answer.
type row struct {
	name       string
	warm, cold [sides]time.Duration
	rate       [sides]float64 // answers a second, asked by eight at once
}

// measure asks every question. The walk is asked of Keycloak's own SCIM where it ends in
// reasonable time.
func (p *report) measure(ctx context.Context) error {
	questions := slices.Concat(userQuestions(), pageQuestions(), groupQuestions())
	p.rows = make([]row, len(questions))
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
		p.rows[i].name = q.name
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
			if _, err := p.ask(ctx, q, s, 1); err != nil { // warm again
				return err
			}
		}
		for s := range sides {
			p.rows[i].warm[s], p.rows[i].cold[s] = median(warm[i][s]), median(cold[i][s])
			var err error
			if p.rows[i].rate[s], err = p.rate(ctx, q, s); err != nil {
				return err
			}
		}
	}
	return p.walk(ctx)
}

// walk reads everything once by each side, and not at all where the native one would take
// longer than a quarter of an hour.
func (p *report) walk(ctx context.Context) error {
	const most = 20_000
	q, out := walk(), row{name: "walk of all users"}
	for s := range sides {
		if p.realm.users > most && s != bridge {
			continue
		}
		took, err := p.ask(ctx, q, s, 1)
		if err != nil {
			return err
		}
		out.warm[s] = took[0]
	}
	p.rows = append(p.rows, out)
	return nil
}

// ask asks a side some times.
func (p *report) ask(ctx context.Context, q question, s side, times int) ([]time.Duration, error) {
	if q.of[s] == nil {
		return nil, nil
	}
	var out []time.Duration
	for range times {
		p.asked++
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

// rate is how many answers a second a side gives to eight that ask at once.
func (p *report) rate(ctx context.Context, q question, s side) (float64, error) {
	if q.of[s] == nil {
		return 0, nil
	}
	const time0 = 1500 * time.Millisecond
	var n atomic.Int64
	began := time.Now()
	g, gctx := errgroup.WithContext(ctx)
	for worker := range fillers {
		g.Go(func() error {
			for i := worker; time.Since(began) < time0; i += fillers {
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

func median(list []time.Duration) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[len(list)/2]
}

func (p *report) print(out io.Writer) {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{
		fmt.Sprintf("%d users", p.realm.users), "bridge", "native", "admin", "x native", "x admin", "x native, 8", "x admin, 8", "cold", "native cold", "admin cold",
	})
	for _, r := range p.rows {
		t.AppendRow(table.Row{
			r.name, text(r.warm[bridge]), text(r.warm[native]), text(r.warm[admin]), ratio(r.warm[native], r.warm[bridge]), ratio(r.warm[admin], r.warm[bridge]),
			ratio(r.rate[bridge], r.rate[native]), ratio(r.rate[bridge], r.rate[admin]), text(r.cold[bridge]), text(r.cold[native]), text(r.cold[admin]),
		})
	}
	t.Render()
	if mb, err := p.realm.memory(); err == nil {
		fmt.Fprintf(out, "the bridge's process has %d MB\n", mb)
	}
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
