package realm_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/keycloak-scim-bridge/keycloak-scim-bridge/bridge/app/apptest"
)

// provokedBy names, for each finding of doctor and of the running bridge, the test that provokes
// the finding, follows its fix, and sees that the finding is gone. The key of a finding is its
// check and its text in the source, or its fix when it takes its text from elsewhere. After a slash
// follows the name of the remedy in the test's list.
func provokedBy() map[string]string {
	const (
		doctor, names, permissions, neighbours = "TestTheRemediesOfDoctor/", "TestTheRemediesOfNames/", "TestTheRemediesOfPermissions/", "TestTheRemediesOfNeighbours/"
		one, every, without                    = "TestTheRemediesOfAnOrganization/", "TestTheRemediesOfEveryOrganization/", "TestTheRemediesOfAKeycloakWithoutGroupsOfOrganizations"
		federation, externalIDs                = "TestDoctorReportsAUserFederation", "TestDoctorReportsExternalIDs"
	)
	return map[string]string{
		"adoption: the tenant takes over existing accounts, and anybody can register an account under a name that its client will send": doctor + "adoption and registration",
		"any: %v%s": "TestTheRemediesOfTheServer",
		"any: Keycloak refuses the client's credentials%s":                                                                             doctor + "a wrong secret",
		"clock: the clock differs from Keycloak's by %s: tokens may be refused":                                                        "TestTheRemediesOfTheServer",
		"e-mail addresses: several users may have the same address, so a client that looks up a user by address may find another user": doctor + "addresses of several",
		"existing: %s that no endpoint made: the client finds them, changes and disables these users, and changes the members of the groups. A POST of a user or group is 409, and it deletes none of them%s%s":             "TestDoctorReportsExistingUsers",
		"existing: %s that no endpoint made: the client finds them. It deactivates only those whose accounts belong to the organization, a POST of a user is 409, and it deletes no account and no group%s%s":               "TestDoctorReportsExistingUsers",
		"existing: %s that no endpoint made: the client may take them over (adopt: unowned), and can then change and delete them%s%s":                                                                                       "TestAMemberWithoutAVerifiedAddress",
		"registration: anybody can register an account under a name that the client will look for, with a password of their own choice: the client then finds that account, changes it and adds it to groups":               doctor + "all accounts and registration",
		"owners: %d users are owned by endpoints that the configuration does not have, with the keys %s: no client changes their names, and only the organization that the account belongs to in Keycloak deactivates them": "TestDoctorFindsLeaversWhoseOwnersReleasedTheAccounts",
		"externalId: %d of %d %s have an externalId that another SCIM server or somebody in Keycloak wrote, without its look-up key: the client finds these users, but a look-up takes longer":                              externalIDs,
		"externalId: %d of %d %s share their externalId with another user: a client that looks it up finds several users, and Entra ID then stops with this user":                                                           externalIDs,
		"first login: every new user must do this before the first login succeeds: %s":                                                                                                                                      doctor + "something to do first",
		"groups: groups.roles of the mapping has no effect in Keycloak on groups of an organization":                                                                                                                        one + "roles of groups without effect",
		"groups: the group %q of the mapping %s": names + "a group of the mapping that nobody knew",
		"groups: the group %q of the mapping has a right of realm-management or a permission, or is protected by the configuration: nobody becomes an administrator by SCIM":                            names + "a group of the mapping with a right",
		"groups: the group %q, which every new user joins, is among the groups of %s":                                                                                                                   neighbours + "a default group of another",
		"groups: one of the parent groups of the tenant and of %s is below the other":                                                                                                                   neighbours + "a parent above another",
		"groups: the groups of the tenant and the groups of %s are below the same group, %q":                                                                                                            neighbours + "one parent of two",
		"groups: the realm has other tenants, %s, and the mapping has no groups.parent: the tenant has only the top-level groups of the realm":                                                          "TestTheRemedyOfATenantWithoutAParentBesideOthers",
		"groups: this Keycloak has no groups of organizations, and all organizations would share the groups below %q":                                                                                   without,
		"groups: this Keycloak has no groups of organizations, so the tenant has no groups":                                                                                                             without,
		"identity provider: the identity provider %q of the mapping can belong to only one organization, and all would share it":                                                                        every + "a provider that all would share",
		"identity provider: the identity provider %q of the mapping does not exist":                                                                                                                     doctor + "an identity provider that is gone",
		"identity provider: the identity provider %q of the mapping does not belong to the organization":                                                                                                one + "a provider of nobody",
		"keycloak: Keycloak does not answer: %v":                                                                                                                                                        doctor + "a wrong server",
		"keycloak: Keycloak has no realm %q":                                                                                                                                                            doctor + "a wrong realm",
		"keycloak: there is no Keycloak at %s":                                                                                                                                                          doctor + "a wrong path",
		"leavers: the client deactivated %s whose accounts are enabled: they can log in, and no other tenant ends their access (an account has no owner, or its owner is gone or no longer has it): %s": "TestDoctorFindsLeaversWithOpenAccounts",
		"native SCIM: Keycloak's own SCIM API is on: its writes bypass the mapping, and its answers lack the bridge's extensions":                                                                       "TestTheRemediesOfKeycloaksOwnSCIM/native SCIM",
		"organization: %q has tokens in its attributes, and this endpoint does not accept them, because it is an entry of tenants":                                                                      "TestAnEntryInTenantsPassesTheOrganizationsTokensBy",
		"organization: %q is disabled, so that writes are refused":                                                                                                                                      one + "the organization off",
		"organization: %s": one + "no verified domain",
		"organization: Organizations are disabled in the realm":                                                                                                                                                                       one + "Organizations off",
		"organization: organizations with a token and without a verified domain refuse every user with an address: %d":                                                                                                                every + "organizations without a domain",
		"organization: the organization %q does not exist":                                                                                                                                                                            one + "no organization",
		"organization: the organization with the tenant's organizationID has the alias %q and not %q":                                                                                                                                 one + "another alias",
		"organization: the organization with the tenant's organizationID is gone, and %q is now another organization, %s":                                                                                                             one + "another organization",
		"permissions: check that protected.users and protected.groups list these people":                                                                                                                                              "TestSecurity_39_TheFirstVersionOfPermissions",
		"permissions: the permission %q has a policy %q with %s, which the bridge cannot read: all users that its other policies name count as administrators":                                                                        permissions + "a policy that names nobody beside one that names people",
		"permissions: the permission %q is for every user of the realm except those of a policy: its policy %q has the logic Negative%s":                                                                                              permissions + "a policy for everybody else",
		"permissions: the permission %q allows changes of the realm, and the bridge cannot tell who has it: it has the logic Negative itself":                                                                                         permissions + "a permission for those whom its policy does not name",
		"permissions: the permission %q allows changes of the realm, and the bridge cannot tell who has it: its policy %q has %s":                                                                                                     permissions + "a policy that names nobody",
		"permissions: the policy %q has the logic Negative: a permission with no other policy is for every user of the realm except those that the policy names":                                                                      permissions + "a policy for everybody else that no permission has",
		"permissions: the realm has more than %d fine-grained permissions or policies, which is more than the bridge reads":                                                                                                           "TestTheRemediesOfTooManyPolicies/too many policies",
		"permissions: the realm has permissions of the first version of fine-grained admin permissions, which the bridge cannot read":                                                                                                 "TestSecurity_39_TheFirstVersionOfPermissions",
		"privileges: members of organizations need manage-realm on this Keycloak: somebody with the bridge's secret could change the realm":                                                                                           "TestTheRemedyOfTheRightToChangeTheRealm",
		"privileges: the account has manage-users besides query-users and query-groups: somebody with its secret could set the password of every administrator, even of an administrator that a permission protects from the account": doctor + "a role beside permissions",
		"privileges: the service account has more rights than it needs, %s: somebody with its secret could %s":                                                                                                                        doctor + "too many rights",
		"protected: %s %s": names + "a protected user that is gone",
		"protected: after a restart the names of the configuration could mean other groups and users than now: %v":                                                       "TestTheRemedyOfNamesThatKeycloakDoesNotKeep",
		"protected: every new user of the realm becomes an administrator: the default group %q has a right of realm-management or a permission":                          names + "a default group of the realm with a right",
		"protected: every user of the realm is an administrator: all users have the role %q, which contains a right of realm-management or has a permission":             doctor + "a default role that administers",
		"protected: the bridge cannot find out who has the role %q, which contains a right of realm-management or has a permission: Keycloak cannot look up such a name": doctor + "a role that cannot be looked up",
		"rights: the service account lacks the realm-management role %s, and no fine-grained permission lets it view and manage all users":                               doctor + "no way to manage users",
		"rights: the service account lacks the realm-management roles %s":                                                                                                doctor + "a missing right",
		"roles: %s": "TestTheRemediesOfRolesThatAreTaken/a role that is taken",
		"roles: the role %q of the mapping contains %s: nobody becomes an administrator by SCIM": doctor + "a role that administers",
		"roles: the role %q of the mapping does not exist":                                       doctor + "a role that is gone",
		"token: %q expired on %s": doctor + "a token that ended beside a good one",
		"token: %q expired on %s, and the tenant has no other valid token":  doctor + "a token that ended",
		"token: %q expires in %d days, on %s":                               doctor + "a token that ends soon",
		"token: the tenant has no token, so no client can use the endpoint": doctor + "no token",
		"user federation: %q does not import its users: SCIM cannot deactivate them and can store only their names, and the total of a list is known only at its end":                           federation,
		"user federation: %q is READ_ONLY: SCIM can deactivate its users and make them members of groups, and every other change is refused":                                                    federation,
		"user federation: %q is UNSYNCED: names, addresses and other values of the directory that SCIM writes stay only until the next synchronisation, which overwrites them":                  federation,
		"user federation: %q is WRITABLE and its mappers of %s are read-only: what SCIM writes there does not reach the directory, and the next synchronisation overwrites it":                  federation,
		"user federation: %q is switched off: its users are shown as inactive, and every change of them is refused":                                                                             federation,
		"user federation: %q stores new users and keeps no copy in Keycloak: SCIM cannot create users, cannot deactivate its users, and can store only their names":                             federation,
		"user names: changes of userName are refused: the realm does not allow them":                                                                                                            doctor + "user names that stay",
		"user names: the realm uses e-mail addresses as user names: a userName that is not the primary address is refused":                                                                      doctor + "user names that are addresses",
		"user profile: the user attribute %q is not declared as setup declares it: the bridge's service account loses its stored values when somebody saves that account in Keycloak's console": doctor + "an attribute of the bridge's account",
		"user profile: user attribute %q %s":                                                  doctor + "an attribute that is not declared",
		"validators: the validator %q of %s refuses common values such as o'neil@example.com": doctor + "a validator of user names",
		"visibility: the realm has %d users and the list of users is empty":                   "TestTheRemediesOfTheServer/no user in the list",
	}
}

// TestEveryFindingIsProvoked: an existing test provokes each finding in the source.
func TestEveryFindingIsProvoked(t *testing.T) {
	t.Parallel()
	known, tests := provokedBy(), apptest.RemedyTests(t)
	found := findingsOfSource(t)
	if len(found) < 60 {
		t.Errorf("only %d findings were found", len(found))
	}
	for _, finding := range found {
		by, ok := known[finding]
		if !ok {
			t.Errorf("no test provokes the finding %q", finding)
			continue
		}
		test, name, _ := strings.Cut(by, "/")
		if body, ok := tests[test]; !ok || !strings.Contains(body, strconv.Quote(name)) && name != "" {
			t.Errorf("the finding %q is provoked by %q, which is not there", finding, by)
		}
		delete(known, finding)
	}
	for finding := range known {
		t.Errorf("there is no finding %q", finding)
	}
}

// findingsOfSource returns the findings that bridge/realm records, each by its check and its text.
func findingsOfSource(t *testing.T) []string {
	t.Helper()
	files := parsed(t, "../../bridge/realm", func(name string) bool { return !strings.HasSuffix(name, "_test.go") })
	constants := map[string]string{}
	for _, f := range files {
		for _, declaration := range f.Decls {
			ast.Inspect(declaration, func(n ast.Node) bool {
				if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == len(spec.Names) {
					for i, name := range spec.Names {
						if text, ok := constantText(spec.Values[i], nil); ok {
							constants[name.Name] = text
						}
					}
				}
				_, isFunction := n.(*ast.FuncDecl)
				return !isFunction
			})
		}
	}
	out := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"fail", "warn", "failBeside", "unknown"}, method.Sel.Name) {
				return true
			}
			args := call.Args
			check := "permissions" // the check of unknown
			if method.Sel.Name != "unknown" {
				if check, ok = constantText(args[0], constants); !ok {
					check = "any"
				}
				args = args[1:]
			}
			text, ok := constantText(args[1], constants)
			if !ok {
				text, ok = constantText(args[0], constants)
			}
			if ok { // otherwise the call passes on another text
				out[check+": "+text] = true
			}
			return true
		})
	}
	return slices.Sorted(func(yield func(string) bool) {
		for finding := range out {
			if !yield(finding) {
				return
			}
		}
	})
}

// constantText returns a text made of literals and constants.
func constantText(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == gotoken.STRING
	case *ast.Ident:
		text, ok := constants[e.Name]
		return text, ok
	case *ast.BinaryExpr:
		before, one := constantText(e.X, constants)
		behind, two := constantText(e.Y, constants)
		return before + behind, one && two
	}
	return "", false
}

func parsed(t *testing.T, dir string, wanted func(name string) bool) []*ast.File {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []*ast.File
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && wanted(name) {
			f, err := parser.ParseFile(gotoken.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, f)
		}
	}
	return out
}
