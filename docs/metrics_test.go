package docs

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/observe"
)

var update = flag.Bool("update", false, "write the generated parts of the pages")

// TestTheMetricsPageIsGenerated: the page has every metric of the program, with its labels and its help text.
func TestTheMetricsPageIsGenerated(t *testing.T) {
	t.Parallel()
	all := observe.NewMetrics(prometheus.NewRegistry(), "", observe.EveryTenant).All()
	if len(all) < 25 {
		t.Errorf("there are %d metrics", len(all))
	}
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n")
	for _, m := range all {
		labels := ""
		if len(m.Labels) > 0 {
			labels = "`" + strings.Join(m.Labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, labels, m.Help)
	}
	if err := GeneratedPart("reference/metrics.md", b.String(), *update, "go test ./docs -update"); err != nil {
		t.Error(err)
	}
}
