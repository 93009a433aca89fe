package bridge

// Observer gets what a Service does while it does it. Many requests call it at the same time, and it must not block.
type Observer interface {
	// Step reports the outcome of a step of a plan, by the kind of the step.
	Step(kind string, err error)
	// Held reports a removal that the brake held, by the path of the tenant.
	Held(tenant string)
	// Ignored counts values that were left out, by their attribute or "other".
	Ignored(what string, n int)
}

// Unobserved is an Observer that does nothing.
type Unobserved struct{}

// Step implements Observer.
func (Unobserved) Step(string, error) {}

// Held implements Observer.
func (Unobserved) Held(string) {}

// Ignored implements Observer.
func (Unobserved) Ignored(string, int) {}
