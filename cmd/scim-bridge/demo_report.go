package main

import (
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app"
)

// report prints the table and fails when a figure does not match.
func report(out io.Writer, figures []app.Figure) error {
	t := table.NewWriter()
	t.SetOutputMirror(out)
	t.SetStyle(table.StyleLight)
	t.AppendHeader(table.Row{"Provider", "What", "Sent", "In Keycloak", "Match"})
	wrong := 0
	for i, f := range figures {
		if i > 0 && figures[i-1].Provider != f.Provider {
			t.AppendSeparator()
		}
		verdict := "yes"
		if f.Sent != f.Arrived {
			verdict = "NO"
			wrong++
		}
		t.AppendRow(table.Row{f.Provider, f.What, f.Sent, f.Arrived, verdict})
	}
	t.Render()
	if wrong > 0 {
		return fmt.Errorf("%d figures do not match", wrong)
	}
	return nil
}
