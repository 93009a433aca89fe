// Command scim-bridge is a SCIM 2.0 service provider that stands next to Keycloak.
//
// One file a command, and a few of what commands share: flags, questions, printing. They decide nothing; what is done is
// bridge/app's. Calls run down: main, the commands, what they share, exit codes. Exit codes:
// 0 ok, 1 failure, 2 wrong usage, 3 problems found.
package main
