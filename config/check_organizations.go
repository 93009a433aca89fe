package config

import "fmt"

// minKey is the least length of a secret for signing, in bytes.
const minKey = 32

// organizations checks the settings for the organizations that have their own credentials.
func (k checker) organizations(path string, realm *Realm) {
	const key = ".credentialKeyFile"
	if !k.given(path + ".organizations") {
		if k.given(path + key) {
			k.add(path+key, "has no effect without organizations", `Add organizations: "*", or remove it`)
		}
		return
	}
	k.missing(path, "credentialKeyFile", "Name a file with a random text of 32 characters or more; scim-bridge setup --all-organizations writes such a file")
	if realm.CredentialKeyFile != "" {
		realm.CredentialKey = k.secretFile(path+key, &realm.CredentialKeyFile)
		if n := len(realm.CredentialKey.Reveal()); 0 < n && n < minKey {
			k.add(path+key, fmt.Sprintf("has only %d characters and can be guessed", n), "Make a secret of 32 characters or more: openssl rand -hex 32")
		}
	}
	o := &realm.Organizations
	o.Where = Problem{File: k.file, Line: k.position(path + ".organizations").line, Path: path + ".organizations"}
	if o.Profile == "" {
		o.Profile = ProfileTolerant
	}
	k.tolerances(path+".organizations", o.Tolerances, o.Profile)
	k.limits(path+".organizations", o.Policies)
	k.rehire(path+".organizations", o.Policies)
	o.Policies = o.orDefault()
	if o.Mapping != "" {
		k.read(path+".organizations.mapping", (*File)(&o.Mapping), false)
	}
}

// override checks the entry for one organization, and fills in the settings for all organizations.
// keys and paths are those of the tenants before, with their places in the file.
func (k checker) override(path, realm string, all *Organizations, i int, keys, paths map[string]string) {
	o := &all.Overrides[i]
	o.Where = Problem{File: k.file, Line: k.position(path).line, Path: path}
	t := Tenant{Organization: o.Organization, OrganizationID: o.OrganizationID}
	k.identity(path, &t)
	k.tenantKey(path, &t, keys)
	k.tenantPath(path, realm, &t, paths)
	k.limits(path, o.Policies)
	o.Policies = o.or(all.Policies)
	k.rehire(path, o.Policies)
	k.accessTokens(path+".accessTokens", o.AccessTokens, names{})
	if !k.given(path + ".bareToken") {
		o.BareToken = all.BareToken
	}
	if !k.given(path + ".basicAuth") {
		o.BasicAuth = all.BasicAuth
	}
	if o.Profile == "" {
		o.Profile = all.Profile
	}
	k.tolerances(path, o.Tolerances, o.Profile)
	if o.Profile != ProfileStrict && !k.given(path+".tolerances") {
		o.Tolerances = all.Tolerances
	}
	if o.SharesMapping = !k.given(path + ".mapping"); o.SharesMapping {
		o.Mapping = all.Mapping
	} else if o.Mapping != "" {
		k.read(path+".mapping", (*File)(&o.Mapping), false)
	}
}

// tokenHint is what to do about a tenant without a token. every says that the organizations of its
// realm have their own tokens.
func tokenHint(t *Tenant, every bool) string {
	if every && t.Organization != "" {
		return "Move the entry to organizations.overrides, where the organization keeps its tokens; or add a token"
	}
	return "Add a token; without a token no client can use the endpoint"
}

// Of returns the policies for the organization with an id.
func (o Organizations) Of(id string) Policies {
	for _, one := range o.Overrides {
		if one.OrganizationID == id {
			return one.Policies
		}
	}
	return o.Policies
}
