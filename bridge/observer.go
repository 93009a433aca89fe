package bridge

// Observer is told what a Service does, as it does it. It is called by many requests at a time, and must not wait.
type Observer interface {
	// Step is the outcome of a step of a plan, by the kind of the step.
	Step(kind string, err error)
	// Held is a removal that the brake of the tenant at a path held.
	Held(tenant string)
	// Ignored are values that were left out, by their attribute or "other".
	Ignored(what string, n int)
}

// Unobserved is an Observer of what nobody wants to know.
type Unobserved struct{}

// Step implements Observer.
func (Unobserved) Step(string, error) {}

// Held implements Observer.
func (Unobserved) Held(string) {}

// Ignored implements Observer.
func (Unobserved) Ignored(string, int) {}
