// Package growth lets tests find work that grows faster than its input, on a machine of any speed. The tests use it for
// input that clients send.
//
// It does not test speed. The same work is done for n and for 2n, and the processor time of both is compared. About
// twice the time is right; four times the time means that the work grows with the square.
package growth
