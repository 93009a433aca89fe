// Package console is bridge/admin as web pages. It decides nothing: a page shows the views of
// bridge/admin as they are.
//
// Pages are made by a-h/templ from the files *.templ. The test TestThePagesAreGenerated makes the
// files *_templ.go again, with -update. html/template is not used: with it the program would be a
// quarter larger.
package console
