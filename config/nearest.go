package config

import "strings"

// Nearest returns the valid name that was probably meant, or "".
func Nearest(name string, valid []string) string { return nearest(name, valid) }

// nearest returns the valid name that was probably meant, or "". It tries a typing mistake first,
// then a name that contains the given name ("secret") or is part of it ("warning"), then a similar
// name.
func nearest(name string, valid []string) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	name = strings.ToLower(name)
	if v := atMost(name, valid, min(2, len(name)/3)); v != "" {
		return v
	}
	for _, v := range valid {
		if len(name) > 2 && len(v) > 2 && (strings.Contains(strings.ToLower(v), name) || strings.Contains(name, strings.ToLower(v))) {
			return v
		}
	}
	return atMost(name, valid, len(name)/3)
}

// atMost returns the first of the nearest names within this number of edits.
func atMost(name string, valid []string, edits int) string {
	best, least := "", edits+1
	for _, v := range valid {
		if d := distance(name, strings.ToLower(v)); d < least {
			best, least = v, d
		}
	}
	return best
}

// distance counts the edits between two texts. Two swapped neighbours are one edit (optimal string
// alignment).
func distance(a, b string) int {
	var before, previous []int
	current := make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := range len(a) {
		before, previous, current = previous, current, make([]int, len(b)+1)
		current[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			current[j+1] = min(previous[j+1]+1, current[j]+1, previous[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				current[j+1] = min(current[j+1], before[j-1]+1)
			}
		}
	}
	return current[len(b)]
}
