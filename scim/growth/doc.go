// Package growth finds out whether work grows faster than what it is given: for tests of what
// clients send, whatever the speed of the machine.
//
// It is no test of time. The same work is done for n and for 2n of something, and what the
// processor spent on each is compared: about twice as much for the second is right, four times
// as much is the square.
package growth
