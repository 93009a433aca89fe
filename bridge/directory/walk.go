package directory

import (
	"hash/maphash"
	"slices"
)

const (
	// maxSteps is how many pages a walk may read again, besides stepsEach for each page.
	maxSteps = 20
	// stepsEach is how often a page may move.
	stepsEach = 4
)

// walk joins pages by offset of a list that others change meanwhile. Pages overlap, and each page
// must contain an entry of earlier pages. Otherwise entries were deleted, and the walk would skip
// entries that moved up; then it steps back.
type walk struct {
	page, overlap int
	first         int // the offset of the next page
	furthest      int // the largest offset
	steps         int // number of pages that were joined
	seed          maphash.Seed
	hashes        map[uint64]struct{}
}

func newWalk(page int) *walk {
	const part = 10 // this part of a page is read twice
	return &walk{page: page, overlap: page / part, seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}}
}

func (w *walk) seen(id string) bool {
	_, ok := w.hashes[maphash.String(w.seed, id)]
	return ok
}

// len returns how many entries were seen.
func (w *walk) len() int { return len(w.hashes) }

// join takes the ids of the next page; last says that the page is not full. done reports that the
// walk saw all entries that existed the whole time.
func (w *walk) join(ids []string, last bool) (done bool) {
	w.steps++
	if w.first > 0 && w.overlap > 0 && !slices.ContainsFunc(ids, w.seen) {
		w.first = max(0, w.first-w.page)
		return false
	}
	for _, id := range ids {
		w.hashes[maphash.String(w.seed, id)] = struct{}{}
	}
	w.first += w.page - w.overlap
	w.furthest = max(w.furthest, w.first)
	return last
}

// steady reports whether the walk may continue, for a list with so many entries as Keycloak
// counted. It uses the smaller of two numbers: how far the walk came, and how many entries it saw.
// Without this limit, entries that exist for one page only, or a page that is the same at every
// offset, would never let the walk end.
func (w *walk) steady(counted int) bool {
	return w.steps < maxSteps+stepsEach*max(counted, min(w.furthest, w.len()))/w.page
}
