package bulk

import (
	"net/http"
	"slices"
)

// graph is the order in which the operations of a request may be carried out. Its nodes are the operations, numbered by
// their places in the request, and after them the circles.
type graph struct {
	ops []Operation
	// needs lists, for each operation, the POSTs whose resources it refers to.
	needs [][]int
	// circles are groups of POSTs that refer to each other. Each list is in the order of the request.
	circles [][]int
	// circle is the circle of each operation, or -1.
	circle []int
	// later are the bulkIds of its own circle that a POST refers to before their resources exist.
	later []map[string]bool
	// before lists, for each node, the nodes that must come first.
	before [][]int
}

// newGraph finds the order:
//   - An operation that refers to a bulkId comes after the POST that creates the resource.
//   - Operations that change the same resource keep their order. An operation that names the id of a changed resource in
//     its data keeps its place among them.
//   - POSTs that refer to each other in a circle are made in order, without the references that cannot be resolved yet. The
//     circle is closed when all of them are made. Other operations that refer to the circle come after that.
func newGraph(ops []Operation) *graph {
	g := &graph{ops: ops, needs: make([][]int, len(ops)), later: make([]map[string]bool, len(ops)), circle: slices.Repeat([]int{-1}, len(ops))}
	makers := make(map[string]int)
	for i, op := range ops {
		if op.Method == http.MethodPost { // a refused POST also fails the operations that refer to it
			makers[op.BulkID] = i
		}
	}
	for i := range ops {
		if ops[i].Refused != nil {
			continue
		}
		seen := make(map[int]bool)
		for ref := range ops[i].references() {
			if maker, ok := makers[ref]; ok && !seen[maker] {
				seen[maker] = true
				g.needs[i] = append(g.needs[i], maker)
			}
		}
	}
	g.findCircles()
	g.before = make([][]int, len(ops)+len(g.circles))
	for c, posts := range g.circles {
		g.before[g.closing(c)] = posts
	}
	for i := range ops {
		for _, maker := range g.needs[i] {
			switch c := g.circle[maker]; {
			case c < 0 || c == g.circle[i] && maker < i:
				g.before[i] = append(g.before[i], maker)
			case c == g.circle[i]:
				if g.later[i] == nil {
					g.later[i] = make(map[string]bool)
				}
				g.later[i][ops[maker].BulkID] = true
			default:
				g.before[i] = append(g.before[i], g.closing(c))
			}
		}
	}
	g.keepOrder()
	return g
}

// closing is the node that closes a circle.
func (g *graph) closing(c int) int { return len(g.ops) + c }

// findCircles finds the strongly connected components of the POSTs, by Tarjan's algorithm.
func (g *graph) findCircles() {
	index, low, onStack := make([]int, len(g.ops)), make([]int, len(g.ops)), make([]bool, len(g.ops))
	var stack []int
	next := 0
	var visit func(i int)
	visit = func(i int) {
		next++
		index[i], low[i] = next, next
		stack, onStack[i] = append(stack, i), true
		for _, j := range g.needs[i] {
			if index[j] == 0 {
				visit(j)
				low[i] = min(low[i], low[j])
			} else if onStack[j] {
				low[i] = min(low[i], index[j])
			}
		}
		if low[i] != index[i] {
			return
		}
		at := len(stack) - 1
		for stack[at] != i { // pops the stack down to i
			at--
		}
		posts := slices.Sorted(slices.Values(stack[at:]))
		stack = stack[:at]
		for _, j := range posts {
			onStack[j] = false
		}
		if len(posts) == 1 && !slices.Contains(g.needs[i], i) {
			return
		}
		for _, j := range posts {
			g.circle[j] = len(g.circles)
		}
		g.circles = append(g.circles, posts)
	}
	for i := range g.ops {
		if index[i] == 0 {
			visit(i)
		}
	}
}

// keepOrder keeps the order of operations on one resource, where references leave a choice.
func (g *graph) keepOrder() {
	changed := make(map[string]bool) // ids of resources that operations change
	for _, op := range g.ops {
		if op.Refused == nil && op.ID != "" {
			changed[op.ID] = true
		}
	}
	last := make(map[string]int)       // the last operation that changed a resource
	named := make(map[string][]int)    // the operations that named the resource since
	refers := make([]bool, len(g.ops)) // whether an operation comes after an operation that it refers to, directly or not
	for i, op := range g.ops {
		if op.Refused != nil {
			continue
		}
		refers[i] = len(g.needs[i]) > 0
		after := func(j int) {
			if op.Method == http.MethodPost && refers[j] { // that operation may refer to this POST
				return
			}
			g.before[i] = append(g.before[i], j)
			refers[i] = refers[i] || refers[j]
		}
		for _, text := range texts(op.Data) {
			if !changed[text] {
				continue
			}
			if j, ok := last[text]; ok {
				after(j)
			}
			if list := named[text]; len(list) == 0 || list[len(list)-1] != i {
				named[text] = append(list, i)
			}
		}
		if op.ID == "" {
			continue
		}
		if j, ok := last[op.ID]; ok {
			after(j)
		}
		for _, j := range named[op.ID] {
			if j != i {
				after(j)
			}
		}
		last[op.ID] = i
		delete(named, op.ID)
	}
}
