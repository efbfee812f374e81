from experiments.paper.listening.command import main

raise SystemExit(main())
