package observe

import (
	_ "embed"
	"fmt"
	"html"
	"strings"
	"time"
)

//go:embed status.css
var statusCSS string

// The classes of status.css.
const (
	bad  = "bad"
	soon = "soon"
	good = "good"
)

// page builds HTML without html/template, which would make the program a quarter larger: with it
// the linker keeps every method of every type. Texts go through text and say alone.
type page struct{ out strings.Builder }

// text writes a text.
func (p *page) text(text string) { p.out.WriteString(html.EscapeString(text)) }

// say writes a text in a class.
func (p *page) say(class, format string, args ...any) {
	p.out.WriteString(`<span class="` + class + `">`)
	p.text(fmt.Sprintf(format, args...))
	p.out.WriteString("</span> ")
}

// table writes a table: a row of headings, and a row for each of n, whose cells row writes.
func (p *page) table(n int, headings []string, row func(i int, cell func())) {
	p.out.WriteString("<table>\n<tr>")
	for _, heading := range headings {
		p.out.WriteString("<th>" + heading)
	}
	for i := range n {
		p.out.WriteString("\n<tr>")
		row(i, func() { p.out.WriteString("<td>") })
	}
	p.out.WriteString("\n</table>\n")
}

// statusPage is the page of /statusz.
func statusPage(s Status) string {
	var p page
	p.out.WriteString("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>scim-bridge</title>\n<style>\n" + statusCSS + "</style></head><body>\n<h1>scim-bridge ")
	p.text(s.Version)
	p.out.WriteString("</h1>\n<p>")
	p.text("Up for " + age(s.Now.Sub(s.Started)) + ". ")
	if s.Config == "" {
		p.say(good, "The configuration is applied as the files have it.")
	} else {
		p.say(bad, "The configuration is not applied as the files have it now:")
		p.text(s.Config)
	}
	p.out.WriteString("\n<h2>Keycloak</h2>\n")
	p.table(len(s.Realms), []string{"Realm", "State", "Change feed"}, func(i int, cell func()) { p.realm(s.Realms[i], cell) })
	p.out.WriteString("<h2>Tenants</h2>\n")
	p.table(len(s.Tenants), []string{"Tenant", "State", "Last request", "Removal brake", "Credentials", "Indexes"},
		func(i int, cell func()) { p.tenant(s.Tenants[i], s.Now, cell) })
	p.out.WriteString("<p><small>Programs get this page as JSON. Metrics: <a href=\"metrics\">/metrics</a>.</small>\n</body></html>\n")
	return p.out.String()
}

func (p *page) realm(r RealmStatus, cell func()) {
	cell()
	p.text(r.Realm)
	cell()
	if r.Outage {
		p.say(bad, "does not answer")
	} else {
		p.say(good, "answers")
	}
	cell()
	if r.FeedAge == nil {
		p.text("not followed")
	} else {
		p.text("read " + age(seconds(*r.FeedAge)) + " ago")
	}
}

func (p *page) tenant(t TenantStatus, now time.Time, cell func()) {
	cell()
	p.text(t.Tenant)
	p.out.WriteString("<br><small>")
	p.text(t.URL)
	p.out.WriteString("</small>")
	cell()
	p.state(t)
	cell()
	p.last(t.Last, now)
	cell()
	p.text(t.Brake)
	cell()
	p.credentials(t.Credentials)
	cell()
	for _, i := range t.Indexes {
		p.text(fmt.Sprintf("%d of %s, %s old ", i.Resources, i.Type, age(seconds(i.Age))))
	}
}

func (p *page) state(t TenantStatus) {
	switch {
	case !t.Fit:
		p.say(bad, "answers nothing:")
		p.text(t.Problem)
	case t.Problem != "":
		p.say(bad, "answers reads alone:")
		p.text(t.Problem)
	case t.Access != "full":
		p.say(soon, "%s", t.Access)
	default:
		p.say(good, "answers")
	}
	if t.Warning != "" {
		p.say(soon, "refuses users:")
		p.text(t.Warning)
	}
	if t.Mapping != "" {
		p.say(bad, "mapping file not applied:")
		p.text(t.Mapping)
	}
	if t.Fix != "" {
		p.out.WriteString("<br><small>")
		p.text("fix: " + t.Fix)
		p.out.WriteString("</small>")
	}
}

func (p *page) last(r *LastRequest, now time.Time) {
	if r == nil {
		p.text("none since the start")
		return
	}
	p.text(fmt.Sprintf("%s ago, %s, %s %s ", age(now.Sub(r.At)), r.Client, r.Method, r.Route))
	if r.Code != "" {
		p.say(bad, "%d %s", r.Status, r.Code)
	} else {
		p.say(good, "%d", r.Status)
	}
}

func (p *page) credentials(list []Credential) {
	if list != nil && len(list) == 0 {
		p.say(bad, "none")
	}
	for i, c := range list {
		if i > 0 {
			p.out.WriteString("<br>")
		}
		p.text(c.Name + " ")
		if c.Expires == nil {
			continue
		}
		switch date := c.Expires.UTC().Format(time.DateOnly); c.State {
		case Expired:
			p.say(bad, "expired %s", date)
		case Expires:
			p.say(soon, "expires %s", date)
		default:
			p.text("until " + date)
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// age is a duration in whole seconds.
func age(d time.Duration) string { return d.Round(time.Second).String() }
