// Package console shows bridge/admin as web pages. It decides nothing: a page shows the views of bridge/admin unchanged.
//
// a-h/templ generates the pages from the files *.templ. The test TestThePagesAreGenerated with -update writes the files
// *_templ.go. html/template is not used: it would make the program larger by a quarter.
package console
