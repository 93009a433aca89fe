// Command scim-bridge is a SCIM 2.0 service provider that runs beside Keycloak.
//
// Each command has a file, and some files have what commands share: flags, questions, printing. The
// commands decide nothing: bridge/app does the work. Calls go down this list: main, the commands,
// the shared files, the exit codes.
//
// The exit codes are: 0 success, 1 failure, 2 wrong usage, 3 problems found.
package main
