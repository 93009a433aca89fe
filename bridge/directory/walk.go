package directory

import (
	"hash/maphash"
	"slices"
)

const (
	// maxSteps is how many pages a walk may read again, beside some for each page that there is.
	maxSteps = 20
	// stepsEach is how often a page may move.
	stepsEach = 4
)

// walk joins pages by offset of a list that others change. Pages overlap, and each must hold
// something of those before it, else entries were deleted there and it would skip what moved
// up: then the walk steps back.
type walk struct {
	page, overlap int
	first         int // the offset of the next page
	furthest      int // of those offsets
	steps         int // pages that were joined
	seed          maphash.Seed
	hashes        map[uint64]struct{}
}

func newWalk(page int) *walk {
	const part = 10 // of a page is read twice
	return &walk{page: page, overlap: page / part, seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}}
}

func (w *walk) seen(id string) bool {
	_, ok := w.hashes[maphash.String(w.seed, id)]
	return ok
}

// len is how many entries were seen.
func (w *walk) len() int { return len(w.hashes) }

// join takes the ids of the next page; last says that it is not full. done says that all
// entries were seen which were there throughout.
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

// steady reports whether the walk may go on, of so many entries as somebody counted. It goes by how far it came and by
// how many entries it saw, whichever is less: entries that are there for one page alone, or a page that comes again at
// every offset, would have it go on for ever.
func (w *walk) steady(counted int) bool {
	return w.steps < maxSteps+stepsEach*max(counted, min(w.furthest, w.len()))/w.page
}
