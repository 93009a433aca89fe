// Package docs holds the documentation and the tests that compare it with the program.
package docs
