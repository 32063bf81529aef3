module havok.local/pause

go 1.26.0
