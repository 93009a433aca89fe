package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim"
	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/scim/client"
)

// Exporter writes resources as JSON lines, as an Importer reads them.
type Exporter struct {
	Client  *client.Client
	Out     io.Writer
	Advance func(done, all int) // gets the progress
}

// Export writes all resources of a type at an endpoint, and reads page resources with each request.
func (e Exporter) Export(ctx context.Context, endpoint string, page int) error {
	done, cursor := 0, ""
	for {
		answer, err := e.page(ctx, endpoint+fmt.Sprintf("?count=%d&cursor=%s", page, url.QueryEscape(cursor)))
		if err != nil {
			return err
		}
		all, err := scim.Integer(answer, "totalResults")
		if err != nil || all == nil {
			return errors.New("the answer has no totalResults")
		}
		list, _ := answer["Resources"].([]any)
		for _, element := range list {
			object, _ := element.(map[string]any)
			delete(object, scim.AttrMeta)
			delete(object, scim.AttrGroups)
			data, err := scim.Encode(object)
			if err == nil {
				_, err = e.Out.Write(append(data, '\n'))
			}
			if err != nil {
				return err
			}
		}
		done += len(list)
		e.Advance(done, max(done, *all))
		var more bool
		if cursor, more = answer["nextCursor"].(string); !more {
			return nil
		}
	}
}

// page reads a page. It repeats a request that failed for a reason that may pass.
func (e Exporter) page(ctx context.Context, path string) (answer map[string]any, err error) {
	err = retry().Do(ctx, func(ctx context.Context, _ bool) (err error) {
		answer, err = e.Client.Do(ctx, http.MethodGet, path, nil)
		return err
	})
	return answer, err
}
