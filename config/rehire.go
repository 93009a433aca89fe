package config

// ExternalID says whether users of one tenant may have the same externalId.
type ExternalID string

// The values of ExternalID.
const (
	ExternalIDShared ExternalID = "shared" // as RFC 7643 section 3.1 leaves it to the client
	ExternalIDUnique ExternalID = "unique" // a second user with the same value is 409
)

// UnmarshalText refuses other values.
func (e *ExternalID) UnmarshalText(text []byte) error { return oneWord(e, text, e.words()) }

func (e *ExternalID) words() []string {
	return wordList(ExternalIDShared, ExternalIDUnique)
}

// Rehire says what happens to a creation with the externalId of an account that the tenant
// deactivated, or that left the tenant.
type Rehire string

// The values of Rehire.
const (
	RehireRefuse Rehire = "refuse"
	RehireRevive Rehire = "revive" // the account is used again, whatever its user name was
)

// UnmarshalText refuses other values.
func (r *Rehire) UnmarshalText(text []byte) error { return oneWord(r, text, r.words()) }

func (r *Rehire) words() []string {
	return wordList(RehireRefuse, RehireRevive)
}

// rehire checks that the externalId identifies one account.
func (k checker) rehire(path string, p Policies) {
	if p.Rehire == RehireRevive && p.ExternalID != ExternalIDUnique {
		k.add(path+".rehire", "cannot be revive while two users may have the same externalId", "Add externalId: unique, so that an externalId identifies one account")
	}
}
