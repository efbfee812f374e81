from experiments.analysis.limits.command import main

raise SystemExit(main())
