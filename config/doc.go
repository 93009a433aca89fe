// Package config reads config.yaml as typed values and reports every problem of it
// at once, each with file, line, key and remedy.
//
//	bytes --parse--> nodes with lines --decode--> Config --check--> Config, []Problem
//
// Decoding is strict: an unknown key, a wrong type and a key given twice are
// problems. Nothing is expanded in a value; a secret comes from a file or from a
// named environment variable, and files are read while loading, so that a Config
// without problems is ready to use.
//
// The package owns what the file may say and the only import of a YAML library
// (parse.go). It knows no Keycloak, no SCIM and no HTTP, and imports nothing of ours.
package config
