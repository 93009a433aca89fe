package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"
)

// asker asks the operator questions.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

// first returns the first given text that is not empty, else what the operator types.
func (a *asker) first(prompt string, secret bool, given ...string) (string, error) {
	for _, text := range given {
		if text != "" {
			return text, nil
		}
	}
	fmt.Fprint(a.out, prompt)
	if secret && term.IsTerminal(int(os.Stdin.Fd())) {
		text, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(a.out)
		return string(text), err
	}
	text, err := a.in.ReadString('\n')
	if text = strings.TrimSpace(text); text == "" {
		return "", codedError{exitUsage, fmt.Errorf("%sis needed: give a flag or the environment variable (%w)", prompt, err)}
	}
	return text, nil
}

// yes asks a question. Only y and yes agree.
func (a *asker) yes(question string) bool {
	fmt.Fprint(a.out, question+" [y/N] ")
	text, err := a.in.ReadString('\n')
	if err != nil && text == "" {
		fmt.Fprintln(a.out)
		return false
	}
	text = strings.ToLower(strings.TrimSpace(text))
	return text == "y" || text == "yes"
}

// confirm prints the planned changes and asks for consent. With yes it does not ask.
func (a *asker) confirm(yes bool, what string, changes []string) error {
	fmt.Fprintf(a.out, "%s, to change:\n", what)
	for _, text := range changes {
		fmt.Fprintln(a.out, "  -", text)
	}
	if !yes && !a.yes("Change this?") {
		return errors.New("nothing was changed")
	}
	return nil
}

// choose lets the operator choose a name. An empty line chooses the default.
func (a *asker) choose(question string, names []string, standard string) (string, error) {
	for {
		fmt.Fprintf(a.out, "%s %s [%s] ", question, strings.Join(names, ", "), standard)
		text, err := a.in.ReadString('\n')
		text = strings.ToLower(strings.TrimSpace(text))
		switch {
		case slices.Contains(names, text):
			return text, nil
		case err != nil && text == "":
			return "", errors.New("nothing was changed")
		case text == "":
			return standard, nil
		case err != nil:
			return "", codedError{exitUsage, fmt.Errorf("%q is not among the choices; nothing was changed", text)}
		}
	}
}
