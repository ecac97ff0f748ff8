from .environment.mmyolo_guard import main

if __name__ == "__main__":
    main()
