package plan

import "strings"

// Said is a step as Describe writes it. After a crash the text is all that is left of a step.
type Said struct {
	Kind Kind
	// User and Group are the ids of what the step changes; both are "" for what the plan creates.
	// The holder of roles is in Holder instead, because the text does not say which of the two it is.
	User, Group, Holder string
	// Roles are the names of the roles that the step grants or revokes, with a blank between two
	// names. A name may contain a blank too.
	Roles string
}

// Read reads a text of Describe. A text that Describe does not write has only a Kind.
func Read(text string) Said {
	kind, rest, _ := strings.Cut(text, " ")
	s := Said{Kind: Kind(kind)}
	target, names, _ := strings.Cut(rest, " [") // no id contains this
	first, second, _ := strings.Cut(rest, " ")
	switch s.Kind {
	case KindUpdateUser:
		s.User = target
	case KindDeleteUser, KindEndSessions:
		s.User = rest
	case KindLinkUser:
		s.User, _, _ = strings.Cut(rest, " link=")
	case KindAdmitUser, KindExpelUser: // the organization comes first
		s.User = second
	case KindUpdateGroup:
		s.Group, _, _ = strings.Cut(rest, " name=")
	case KindDeleteGroup:
		s.Group = rest
	case KindAddMember, KindRemoveMember:
		s.Group, s.User = first, second
	case KindGrantRoles, KindRevokeRoles:
		s.Holder, s.Roles = target, strings.TrimSuffix(names, "]")
	case KindCreateUser, KindCreateGroup:
	}
	return s
}
