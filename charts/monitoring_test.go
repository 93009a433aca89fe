package charts

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
)

// alerts is files/alerts.yaml.
type alerts struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

// TestAlertsAreMadeOfMetricsThatExist, and of labels that these metrics have. The guide that an alert links to explains
// the alert.
func TestAlertsAreMadeOfMetricsThatExist(t *testing.T) {
	t.Parallel()
	var a alerts
	if err := yaml.UnmarshalWithOptions([]byte(readFile(t, filepath.Join(chart, "files", "alerts.yaml"))), &a, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	guide := readFile(t, "../docs/guides/monitor.md")
	seen := 0
	for _, group := range a.Groups {
		for _, rule := range group.Rules {
			seen++
			checkExpression(t, rule.Alert, rule.Expr)
			if !strings.Contains(guide, "\n### "+rule.Alert+"\n") || !strings.HasSuffix(rule.Annotations["runbook_url"], "docs/guides/monitor.md#"+strings.ToLower(rule.Alert)) {
				t.Errorf("%s has no heading in the guide to monitoring, or does not link to it", rule.Alert)
			}
			if !slices.Contains([]string{"critical", "warning"}, rule.Labels["severity"]) || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
				t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
			}
		}
	}
	if explained := strings.Count(guide, "\n### ScimBridge"); seen < 10 || explained != seen {
		t.Errorf("there are %d alerts, the guide explains %d", seen, explained)
	}
}

// TestTheDashboardIsMadeOfMetricsThatExist.
func TestTheDashboardIsMadeOfMetricsThatExist(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Panels []struct {
			Title, Description string
			Targets            []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(chart, "files", "dashboard.json"))), &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) < 15 {
		t.Errorf("there are %d panels", len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || panel.Description == "" || len(panel.Targets) == 0 {
			t.Errorf("panel %q lacks something", panel.Title)
		}
		for _, target := range panel.Targets {
			checkExpression(t, panel.Title, strings.NewReplacer("$__rate_interval", "5m", "$tenant", ".*").Replace(target.Expr))
		}
	}
}

// checkExpression parses an expression of PromQL and checks that its metrics and their labels exist.
func checkExpression(t *testing.T, where, expression string) {
	t.Helper()
	parsed, err := metricsql.Parse(expression)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	known := map[string][]string{"process_resident_memory_bytes": {"job"}}
	for _, m := range observe.NewMetrics(prometheus.NewRegistry(), "", observe.EveryTenant).All() {
		known[m.Name] = m.Labels
		if m.Type == "histogram" {
			known[m.Name+"_bucket"], known[m.Name+"_count"], known[m.Name+"_sum"] = append(slices.Clone(m.Labels), "le"), m.Labels, m.Labels
		}
	}
	metrics, labels := 0, []string{}
	metricsql.VisitAll(parsed, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.AggrFuncExpr:
			labels = append(labels, e.Modifier.Args...)
		case *metricsql.MetricExpr:
			for _, filters := range e.LabelFilterss {
				for _, filter := range filters {
					if filter.Label != "__name__" {
						labels = append(labels, filter.Label)
						continue
					}
					metrics++
					if _, ok := known[filter.Value]; !ok {
						t.Errorf("%s: there is no metric %s", where, filter.Value)
					}
				}
			}
		}
	})
	if metrics == 0 {
		t.Errorf("%s: %q asks for no metric", where, expression)
	}
	for _, label := range labels {
		if !slices.ContainsFunc(metricsOf(parsed), func(name string) bool { return slices.Contains(known[name], label) }) {
			t.Errorf("%s: no metric of %q has the label %s", where, expression, label)
		}
	}
}

func metricsOf(e metricsql.Expr) (names []string) {
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		if m, ok := e.(*metricsql.MetricExpr); ok {
			for _, filters := range m.LabelFilterss {
				for _, filter := range filters {
					if filter.Label == "__name__" {
						names = append(names, filter.Value)
					}
				}
			}
		}
	})
	return names
}
