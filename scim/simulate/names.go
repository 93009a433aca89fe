package simulate

// givenNames and familyNames are names for the people of a simulated company.
var (
	givenNames = []string{
		"ada", "alan", "barbara", "claude", "donald", "edsger", "frances", "grace",
		"hedy", "ivan", "joan", "katherine", "leslie", "margaret", "niklaus", "radia",
	}
	familyNames = []string{
		"Lovelace", "Turing", "Liskov", "Shannon", "Knuth", "Dijkstra", "Allen", "Hopper",
		"Lamarr", "Sutherland", "Clarke", "Johnson", "Lamport", "Hamilton", "Wirth", "Perlman",
	}
)
