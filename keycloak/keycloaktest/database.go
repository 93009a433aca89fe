package keycloaktest

import (
	"context"
	"fmt"
	"os"
)

// database is where a Keycloak keeps its data.
type database interface {
	flavour() string // of the server that is built for the database
	args() []string  // for the server
	stop() error
}

// startDatabase starts the database that KEYCLOAK_DB names.
func startDatabase(ctx context.Context) (database, error) {
	switch name := os.Getenv("KEYCLOAK_DB"); name {
	case "", "dev-mem":
		return memory{}, nil
	case "postgres":
		return startPostgres(ctx)
	default:
		return nil, fmt.Errorf("KEYCLOAK_DB is %q; it can be dev-mem or postgres", name)
	}
}

// memory is a database that ends with the server.
type memory struct{}

func (memory) flavour() string { return "dev-mem" }
func (memory) args() []string  { return []string{"--db=dev-mem"} }
func (memory) stop() error     { return nil }

// files is a database in a directory, which outlives the server.
type files struct{ dir string }

func (files) flavour() string { return "dev-file" }
func (files) stop() error     { return nil }

func (f files) args() []string {
	return []string{"--db=dev-file", "--db-url=jdbc:h2:file:" + f.dir + "/keycloak;NON_KEYWORDS=VALUE;WRITE_DELAY=0"} // a killed server loses no committed data
}
